/** The heaps of the worker threads of a program that never heard of memtool, from the shell. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { isFailure } from '../../src/report/document.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import type { ProcessStats, StatsReport } from '../../src/report/stats.ts';
import { FIXTURES, Subject } from '../agent/subject.ts';
import { freshDirectory, json, memtool, startProgram, type Outcome } from './memtool.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/heavy-workers.js', import.meta.url));
/** Attaching leaves a process alone that is younger. */
const BOOT_MS = 1100;
const MIB = 1024 * 1024;
const POLLS_MAX = 20;

async function heavyWorkers(directory: string) {
  const child = await startProgram(['--inspect-port=0', PROGRAM], directory);
  await sleep(BOOT_MS);
  return child;
}

/** On a busy machine a worker may be late for an answer, which then says so: it is asked again. */
async function askedAgain(words: string[], directory: string): Promise<Outcome> {
  for (let poll = 0; ; poll += 1) {
    const outcome = await memtool(words, directory);
    if (poll === POLLS_MAX || !/did not answer in time|native call/.test(outcome.stdout)) return outcome;
  }
}

async function statsOf(pid: number, directory: string): Promise<ProcessStats> {
  const outcome = await askedAgain(['stats', String(pid), '--json'], directory);
  const [found] = json<StatsReport>(outcome).processes;
  expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
  if (found === undefined || isFailure(found)) throw new Error('no report');
  return found;
}

test('stats lists the heap of each worker, the one in an endless loop too, and not the agent`s own', async () => {
  const directory = freshDirectory();
  const child = await heavyWorkers(directory);
  const found = await statsOf(child.pid, directory);
  const workers = found.pools.filter(({ threadId }) => threadId !== undefined);
  expect(workers.map(({ name }) => name.replace(/\d+/, 'N')).toSorted()).toEqual([
    'worker N (importer)',
    'worker N (query-runner)',
    'worker N (spinner)',
  ]);
  expect(workers[0]).toMatchObject({
    kind: 'heap-space',
    name: expect.stringContaining('importer'),
    limitBytes: 60 * MIB,
    level: 'warning',
  });
  expect(workers.every(({ usedBytes }) => usedBytes > MIB)).toBe(true);
  expect(found.workers).toMatchObject({ count: 3 });
  expect(found.workers?.heapUsedBytes).toBeGreaterThan(52 * MIB);
  // The main thread's figures remain its own, and the table of resident memory adds up.
  expect(found.heapUsedBytes).toBeLessThan(30 * MIB);
  expect(found.resident?.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(found.resident?.rssBytes);
  expect(found.unavailable).toBeUndefined();
  const drawn = await askedAgain(['stats', String(child.pid)], directory);
  expect(drawn.stdout).toMatch(/\n {2}heap .*\n(?:.*\n)+ {2}worker 3 \(importer\) .* 60\.0 MiB .*\n {2}worker /);
  expect(child.exitCode).toBeNull();
});

test('pressure exits 1 and names the worker that has little left of its heap', async () => {
  const directory = freshDirectory();
  const child = await heavyWorkers(directory);
  const outcome = await askedAgain(['pressure', String(child.pid), '--json'], directory);
  expect([outcome.exitCode, outcome.stderr]).toEqual([1, '']);
  const report = json<PressureReport>(outcome);
  expect(report).toMatchObject({
    level: 'warning',
    processes: [
      { resources: [{ kind: 'heap', name: 'worker 3 (importer)', threadId: 3, limitBytes: 60 * MIB }, {}, {}, {}] },
    ],
  });
  const drawn = await askedAgain(['pressure', String(child.pid)], directory);
  expect([drawn.exitCode, drawn.stderr]).toEqual([1, '']);
  expect(drawn.stdout).toContain('worker 3 (importer)');
  expect(drawn.stdout).toMatch(/The heap of worker 3 \(importer\) is at [89]\d\.\d % of its limit/);
  expect(drawn.stdout).toContain('ERR_WORKER_OUT_OF_MEMORY');
  expect(child.exitCode).toBeNull();
});

test('beside pools of its own a process has a table of its workers` heaps', async () => {
  const directory = freshDirectory();
  const subject = new Subject([`${FIXTURES}workers.js`, 'main', 'first stay'], directory);
  onTestFinished(() => subject.end());
  expect(await subject.line()).toBe('ready');
  await subject.appeared('.sock');
  const drawn = await askedAgain(['stats'], directory);
  expect(drawn).toMatchObject({ stderr: '', exitCode: 0 });
  expect(drawn.stdout).toMatch(/POOL .*\n(?:.*\n)+ {2}V8 .*\n {2}worker 2 /);
  expect(drawn.stdout).toContain('1 worker heap ');
  expect(drawn.stdout).not.toContain('old_space');
});
