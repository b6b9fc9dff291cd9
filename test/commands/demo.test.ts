import type { ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { isFailure, type LeaksReport, type StatsReport } from '../../src/report.ts';
import { freshDirectory, json, memtool, nextOutput, start } from './memtool.ts';

/** The first sentence comes once the service serves. */
async function servicePid(demo: ChildProcess): Promise<number> {
  const pid = Number(/process (\d+)/.exec(await nextOutput(demo))?.[1]);
  expect(isRunning(pid)).toBe(true);
  return pid;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('shows the four commands at work, finds what was forgotten and gives it back, and leaves nothing behind', async () => {
  const directory = freshDirectory();
  const { stdout, stderr, exitCode } = await memtool(['demo', '--seconds', '1'], directory);
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(/^(Querying: .*\n)*$/), exitCode: 0 });
  const typed = [...stdout.matchAll(/^\$ memtool (\w+) (\d+)/gm)];
  expect(typed.map(([, command]) => command)).toEqual(['stats', 'pressure', 'leaks', 'cleanup', 'leaks']);
  expect(stdout.match(/lost/g)?.length).toBeGreaterThan(0);
  expect(readdirSync(directory)).toEqual([]);
  expect(isRunning(Number(typed[0]?.[2]))).toBe(false);
});

test('with --json prints one report a line', async () => {
  const { stdout, stderr, exitCode } = await memtool(['demo', '--seconds', '1', '--json'], freshDirectory());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const reports = stdout
    .trimEnd()
    .split('\n')
    .map((line): LeaksReport => JSON.parse(line));
  expect(reports.map(({ command }) => command)).toEqual(['stats', 'pressure', 'leaks', 'cleanup', 'leaks']);
  const lost = reports
    .filter(({ command }) => command === 'leaks')
    .map(({ processes }) =>
      processes.flatMap((found) => (isFailure(found) ? [] : found.leaks)).some(({ kind }) => kind === 'lost'),
    );
  expect(lost).toEqual([true, false]);
});

test('--keep leaves the service running, and says how to end it', async () => {
  const directory = freshDirectory();
  const { stdout, exitCode } = await memtool(['demo', '--seconds', '1', '--keep'], directory);
  expect(exitCode).toBe(0);
  const pid = Number(/end it with\s+`kill (\d+)`/.exec(stdout)?.[1]);
  onTestFinished(() => void process.kill(pid, 'SIGKILL'));
  expect(json<StatsReport>(await memtool(['stats', '--json'], directory)).processes).toMatchObject([
    { pid, name: 'memtool-demo' },
  ]);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s at work leaves nothing behind and exits with %d', async (signal, exitCode) => {
  const directory = freshDirectory();
  const { child, outcome } = start(['demo'], directory);
  const pid = await servicePid(child);
  child.kill(signal);
  expect((await outcome).exitCode).toBe(exitCode);
  expect(isRunning(pid)).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
});

test('killed outright, it takes the service with it', async () => {
  const directory = freshDirectory();
  const { child, outcome } = start(['demo'], directory);
  const pid = await servicePid(child);
  child.kill('SIGKILL');
  await outcome;
  await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
});
