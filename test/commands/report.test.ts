import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { TrendReport } from '../../src/trends/trend-report.ts';
import { recordingText } from '../recording/sample-recording.ts';
import { freshDirectory, json, memtool } from './memtool.ts';

const MIB = 1024 * 1024;

function recorded(directory: string, name: string, ...of: Parameters<typeof recordingText>): string {
  const file = join(directory, name);
  writeFileSync(file, recordingText(...of));
  return file;
}

describe('memtool report', () => {
  test('of a recording in which the heap grows says so, names what does not, and exits 1', async () => {
    const directory = freshDirectory();
    recorded(directory, 'run.jsonl', 2 * MIB);
    const { stdout, stderr, exitCode } = await memtool(['report', join(directory, 'run.jsonl')], directory);
    expect(stdout.replaceAll(directory, '/run')).toMatchInlineSnapshot(`
      "orders-api  pid 4242  Node 20.20.2  /run/run.jsonl
        600 samples in 9m 59s, from 2026-01-31 12:00:00 UTC.

        VERDICT  SERIES      OVER TIME         NOW      LIMIT         TREND  FULL IN
        growing  heap        ▁▂▂▃▄▅▆▆██   69.6 MiB    2.0 GiB  +1.9 MiB/min  16h 55m
                What 29 full collections left rises steadily: +18.1 MiB in 9m 18s, and
                chance does that less than once in 10,000 times. With 95 %: 1.9 MiB to
                2.0 MiB a minute.
        settled  RSS         ▁█▆▃▄██▄▃▇  120.2 MiB          -   +23.4 KiB/h        -
                No trend: what there is (+3.7 KiB in 9m 29s) is within what chance
                does (p = 0.53).
        settled  pool cache  ▁█▆▃▄██▄▃▇   20.2 MiB  100.0 MiB   +23.4 KiB/h        -
                No trend: what there is (+3.7 KiB in 9m 29s) is within what chance
                does (p = 0.53).

        Growing: heap. Who holds it: \`memtool leaks\` while it runs.
      "
    `);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  });

  test('--json has the slopes with their intervals; nothing that grows is exit 0', async () => {
    const directory = freshDirectory();
    const flat = await memtool(['report', recorded(directory, 'flat.jsonl', 0), '--json'], directory);
    expect(flat.exitCode).toBe(0);
    const grown = await memtool(['report', recorded(directory, 'run.jsonl', 2 * MIB), '--json'], directory);
    const heap = json<TrendReport>(grown).processes[0]?.series.find(({ column }) => column === 'heapUsed');
    expect(heap).toMatchObject({ verdict: 'growing', limitBytes: 2048 * MIB, collections: 29 });
    expect(Math.abs((heap?.bytesPerMinute ?? 0) / (2 * MIB) - 1)).toBeLessThan(0.05);
    expect(heap?.bytesPerMinuteInterval).toEqual([expect.any(Number), expect.any(Number)]);
    expect(json<TrendReport>(grown)).toMatchObject({ schemaVersion: 1, command: 'report' });
  });

  test('two recordings are compared, signed, and more than before is exit 1', async () => {
    const directory = freshDirectory();
    const before = recorded(directory, 'before.jsonl', 0);
    const after = recorded(directory, 'after.jsonl', 2 * MIB);
    const worse = await memtool(['report', before, after, '--json'], directory);
    const [rss, heap] = json<TrendReport>(worse).differences ?? [];
    expect(rss).toMatchObject({ column: 'rss', verdict: 'same' });
    expect(heap).toMatchObject({ column: 'heapUsed', verdict: 'higher', isFaster: true });
    expect(heap?.changeBytes).toBeGreaterThan(0);
    expect(worse.exitCode).toBe(1);
    const better = await memtool(['report', after, before, '--json'], directory);
    const { changeBytes, verdict } = json<TrendReport>(better).differences?.[1] ?? {};
    expect(verdict).toBe('lower');
    expect(changeBytes).toBe(-(heap?.changeBytes ?? 0));
    expect(better.exitCode).toBe(0);
    expect((await memtool(['report', before, before], directory)).stdout).toContain('same');
  });

  test('of a process that was restarted the longest life is judged, and a cut last line is told', async () => {
    const directory = freshDirectory();
    const file = recorded(directory, 'run.jsonl', 0, { events: [{ event: 'restart', t: 599_000, pid: 7 }] });
    writeFileSync(file, '[599500,1', { flag: 'a' });
    const [found] = json<TrendReport>(await memtool(['report', file, '--json'], directory)).processes;
    expect(found).toMatchObject({
      restarts: 1,
      judgedFromSeconds: 0,
      judgedToSeconds: 598,
      warnings: [expect.stringContaining('cut off')],
    });
  });

  test('--html writes one page, and does not overwrite it unasked', async () => {
    const directory = freshDirectory();
    const file = recorded(directory, 'run.jsonl', 0);
    const page = join(directory, 'run.html');
    expect((await memtool(['report', file, '--html', page], directory)).stdout).toContain(`Wrote ${page}`);
    expect(readFileSync(page, 'utf8')).toContain('orders-api: memory over time');
    const again = await memtool(['report', file, '--html', page], directory);
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain('exists already');
    expect((await memtool(['report', file, '--html', page, '--force'], directory)).exitCode).toBe(0);
  });

  test.each([
    [['report'], 'MEMTOOL_USAGE'],
    [['report', '/nowhere.jsonl'], 'MEMTOOL_CANNOT_READ'],
    [['report', '/dev/null'], 'MEMTOOL_BAD_RECORDING'],
    [['report', 'a', 'b', 'c'], 'MEMTOOL_USAGE'],
    [['report', 'a', '--html', '--json'], 'MEMTOOL_USAGE'],
  ])('%j is refused: %s', async (words, code) => {
    const outcome = await memtool([...words, '--json'], freshDirectory());
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error.code).toBe(code);
  });
});
