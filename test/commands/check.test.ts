import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CheckReport, CheckRow } from '../../src/report/check.ts';
import type { ErrorReport } from '../../src/report/document.ts';
import { freshDirectory, json, memtool, start, type Outcome } from './memtool.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/budgets/', import.meta.url));
const BUDGETS = join(FOLDER, 'memory-budget.json');
const PROGRAM = ['--', 'node', join(FOLDER, 'refresh.js')];

function check(file: string, words: string[], extra: Record<string, string> = {}): Promise<Outcome> {
  return memtool(['check', file, '--runs', '1', ...words, ...PROGRAM], freshDirectory(), extra);
}

function written(budgets: object): string {
  const file = join(freshDirectory(), 'memory-budget.json');
  writeFileSync(file, JSON.stringify({ memtoolBudget: 1, ...budgets }));
  return file;
}

function rowsOf(outcome: Outcome): CheckRow[] {
  return json<CheckReport>(outcome).rows;
}

describe('a program within its budgets', () => {
  test('exits 0, each size run for itself; what the program prints is not in the output', async () => {
    const outcome = await check(BUDGETS, ['--json']);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const { passed, rows } = json<CheckReport>(outcome);
    expect(passed).toBe(true);
    // To the byte.
    expect(rows.slice(1).map(({ size, metric, measuredBytes }) => [size, metric, measuredBytes])).toEqual([
      ['1K', 'poolPeak', 100_000],
      ['10K', 'poolPeak', 1_000_000],
      ['10K', 'notFreed', 0],
    ]);
    expect(rows[0]?.measuredBytes).toBeGreaterThan(20 * 1024 ** 2);
    expect(rows.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('prints a table', async () => {
    const { stdout, stderr, exitCode } = await check(BUDGETS, []);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toContain('  OPERATION ');
    expect(stdout).toMatch(/cascade refresh {2}10K +peak of query +976\.6 KiB +976\.6 KiB {2}ok/);
    expect(stdout).not.toContain('this must not be');
  });
});

describe('a program beyond a budget', () => {
  test('that forgets one byte exits 1, and a summary for a pull request says where', async () => {
    const markdown = join(freshDirectory(), 'summary.md');
    const outcome = await check(BUDGETS, ['--json', '--markdown', markdown], { LEAK: '1' });
    expect(outcome).toMatchObject({ stderr: '', exitCode: 1 });
    expect(rowsOf(outcome)[3]).toMatchObject({ metric: 'notFreed', measuredBytes: 1, limitBytes: 0, status: 'over' });
    const text = readFileSync(markdown, 'utf8');
    expect(text).toContain('### Memory budgets: failed');
    expect(text).toContain('| cascade refresh | 10K | not freed | 0 B | 1 B | - | over |');
  });

  test('a phase or pool that is not there any more is a failure, and says so', async () => {
    const file = written({
      budgets: [
        { phase: 'renamed', metric: 'notFreed', limit: 0 },
        { phase: 'cascade refresh', metric: 'poolPeak', pool: 'gone', limit: 0 },
        { metric: 'growthPerMinute', limit: 0 },
      ],
    });
    const outcome = await check(file, ['--json']);
    expect(outcome.exitCode).toBe(2);
    expect(rowsOf(outcome).map(({ status, reason }) => [status, reason])).toEqual([
      ['missing', 'no phase of that name has ended'],
      ['missing', 'there was no pool gone'],
      ['missing', expect.stringContaining('under ten seconds')],
    ]);
  });
});

test('--update writes limits with head-room and baselines, leaves the rest, and a later leak is above both', async () => {
  const file = join(freshDirectory(), 'memory-budget.json');
  copyFileSync(BUDGETS, file);
  const updated = await check(file, ['--update', '--json']);
  expect(updated).toMatchObject({ stderr: '', exitCode: 0 });
  const { budgets }: { budgets: unknown[] } = JSON.parse(readFileSync(file, 'utf8'));
  expect(budgets.slice(1)).toEqual([
    {
      phase: 'cascade refresh',
      size: '1K',
      metric: 'poolPeak',
      pool: 'query',
      limit: '108KiB',
      baseline: { median: 100_000, mad: 0, runs: 1 },
    },
    expect.objectContaining({ limit: '1.1MiB', baseline: { median: 1_000_000, mad: 0, runs: 1 } }),
    { phase: 'cascade refresh', size: '10K', metric: 'notFreed', limit: 0, baseline: { median: 0, mad: 0, runs: 1 } },
  ]);
  const again = await check(file, ['--json'], { LEAK: '5' });
  expect(again.exitCode).toBe(1);
  expect(rowsOf(again).map(({ status }) => status)).toEqual([expect.any(String), 'ok', 'ok', 'over']);
});

test('a program that does not end is asked to, and measured', async () => {
  const file = written({ budgets: [{ phase: 'cascade refresh', metric: 'poolPeak', pool: 'query', limit: '100KB' }] });
  const outcome = await check(file, ['--for', '5s', '--json'], { STAY: '1' });
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(rowsOf(outcome)[0]).toMatchObject({ measuredBytes: 100_000, status: 'ok' });
});

test('an interrupted check leaves nothing running and nothing behind', async () => {
  const directory = freshDirectory();
  const ready = join(directory, 'ready');
  const temporary = freshDirectory();
  const { child, outcome } = start(['check', BUDGETS, ...PROGRAM], directory, {
    STAY: '1',
    READY: ready,
    TMPDIR: temporary,
  });
  const programPid = (): number => (existsSync(ready) ? Number(readFileSync(ready, 'utf8')) : 0);
  await expect.poll(programPid, { timeout: 20_000 }).toBeGreaterThan(0);
  child.kill('SIGTERM');
  expect((await outcome).exitCode).toBe(143);
  await expect.poll(() => existsSync(`/proc/${programPid()}/status`), { timeout: 20_000 }).toBe(false);
  expect(readdirSync(temporary)).toEqual([]);
});

test('a program that ends badly is a failure, with what it said last', async () => {
  const outcome = await check(BUDGETS, ['--json'], { FAIL: '1' });
  expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
  expect(json<ErrorReport>(outcome).error).toMatchObject({
    code: 'MEMTOOL_CHILD_FAILED',
    message: expect.stringContaining('on purpose'),
  });
});

test.each([
  [{ budgets: [{ metric: 'peakRss', size: '1K' }] }, [], 'MEMTOOL_USAGE'],
  [{ budgets: [{ metric: 'peakRss' }] }, ['--', 'npm', 'start'], 'MEMTOOL_USAGE'],
  [{ budgets: [{ metric: 'peakRss' }] }, ['--', 'node', 'app.js', '{size}'], 'MEMTOOL_USAGE'],
  [{ budgets: [{ metric: 'rss' }] }, [], 'MEMTOOL_BAD_BUDGET'],
  [{ budgets: [{ metric: 'peakRss' }] }, ['--runs', '0', '--', 'node', 'app.js'], 'MEMTOOL_INVALID_OPTION'],
  [{ budgets: [{ metric: 'peakRss' }] }, ['--for', '0', '--', 'node', 'app.js'], 'MEMTOOL_INVALID_OPTION'],
])('%j %j is refused before anything runs', async (budgets, words, code) => {
  const outcome = await memtool(['check', '--json', written(budgets), ...words], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
  expect(json<ErrorReport>(outcome).error.code).toBe(code);
});
