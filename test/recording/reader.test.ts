import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { recordingLine } from '../../src/recording/format.ts';
import { readRecording, type Recording } from '../../src/recording/reader.ts';
import { SampleTable } from '../../src/recording/sample-table.ts';
import { HEADER } from './header.ts';

function read(...lines: (string | object)[]): Promise<Recording> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-recording-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'run.jsonl');
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join(''));
  return readRecording(file);
}

const START = recordingLine(HEADER);

test('samples by column, with what is not known as NaN, over columns that change', async () => {
  const { header, samples, isCut, brokenLines } = await read(
    START,
    { columns: ['t', 'rss'] },
    [0, 10],
    [1000, null],
    { columns: ['t', 'pool:a/cache.used', 'rss'] },
    [2000, 5, 12],
  );
  expect(header.name).toBe('orders-api');
  expect([...samples.timesMs]).toEqual([0, 1000, 2000]);
  expect([...samples.figures('rss')]).toEqual([10, NaN, 12]);
  expect([...samples.figures('pool:a/cache.used')]).toEqual([NaN, NaN, 5]);
  expect([...samples.figures('nothing')]).toEqual([NaN, NaN, NaN]);
  expect({ isCut, brokenLines }).toEqual({ isCut: false, brokenLines: 0 });
});

test('a last line that was cut off is dropped, wherever the cut is', async () => {
  const last = '[2000,123456]\n';
  for (let length = 1; length < last.length - 1; length += 1) {
    const { samples, isCut } = await read(START, { columns: ['t', 'rss'] }, [1000, 7], last.slice(0, length));
    expect([...samples.figures('rss')]).toEqual([7]);
    expect(isCut).toBe(true);
  }
});

test('what is whole counts without its line feed', async () => {
  const { samples, isCut } = await read(START, { columns: ['t', 'rss'] }, '[1000,7]');
  expect([...samples.figures('rss')]).toEqual([7]);
  expect(isCut).toBe(false);
});

test('a broken line in between is skipped and counted, unknown events and lines of another width are skipped', async () => {
  const { samples, events, brokenLines } = await read(
    START,
    { columns: ['t', 'rss'] },
    [0, 1],
    '[1000,\n',
    { event: 'tomorrow', t: 5 },
    { something: 'else' },
    [1500, 2, 3],
    [500, 99],
    { event: 'restart', t: 2000, pid: 7 },
    [2500, 4],
    [2400, 5],
  );
  expect([...samples.figures('rss')]).toEqual([1, 99, 4]);
  expect(events).toEqual([{ event: 'restart', t: 2000, pid: 7 }]);
  expect(brokenLines).toBe(1);
});

test('a line of more than a MiB is skipped, and what follows is read', async () => {
  const { samples, brokenLines } = await read(START, { columns: ['t', 'rss'] }, `[${'1,'.repeat(2 ** 20)}1]\n`, [0, 3]);
  expect([...samples.figures('rss')]).toEqual([3]);
  expect(brokenLines).toBe(1);
});

test.each([
  ['an empty file', '', 'MEMTOOL_BAD_RECORDING'],
  ['another file', 'hello\n', 'MEMTOOL_BAD_RECORDING'],
  ['a sample first', '[1,2]\n', 'MEMTOOL_BAD_RECORDING'],
  [
    'a later version',
    recordingLine(HEADER).replace('"memtoolRecording":1', '"memtoolRecording":2'),
    'MEMTOOL_RECORDING_VERSION',
  ],
])('%s is refused', async (_, text, code) => {
  await expect(read(text)).rejects.toMatchObject({ code });
});

test('a file that is not there, and a directory, cannot be read', async () => {
  await expect(readRecording('/nowhere/run.jsonl')).rejects.toMatchObject({ code: 'MEMTOOL_CANNOT_READ' });
  await expect(readRecording(tmpdir())).rejects.toMatchObject({ code: 'MEMTOOL_CANNOT_READ' });
});

test('of half a million samples every fourth is kept, evenly', () => {
  const samples = new SampleTable();
  samples.columns = ['t', 'rss'];
  for (let at = 0; at < 500_000; at += 1) samples.push([at, at * 2]);
  expect(samples.keepEvery).toBe(4);
  expect(samples.count).toBeLessThanOrEqual(200_000);
  const steps = new Set([...samples.timesMs].slice(1).map((time, index) => time - (samples.timesMs[index] ?? 0)));
  expect([...steps].toSorted((a, b) => a - b)).toEqual([4]);
  expect([...samples.figures('rss')].every((value, index) => value === 2 * (samples.timesMs[index] ?? 0))).toBe(true);
});
