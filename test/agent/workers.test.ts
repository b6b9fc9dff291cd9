/** Managers in worker threads of real processes, as the agent there tells of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { ProcessCleanup } from '../../src/report/cleanup.ts';
import type { ProcessLeaks } from '../../src/report/leaks.ts';
import type { ProcessPressure } from '../../src/report/pressure.ts';
import type { ProcessStats } from '../../src/report/stats.ts';
import { FIXTURES, freshDirectory, Subject } from './subject.ts';
import { ready, shows, startWorkers } from './workers-subject.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MIB = 1024 * 1024;
/** There is no such file: whoever spins until there is, spins on. */
const NEVER = '/dev/null/never';

function cleanup(subject: Subject, request: object): Promise<ProcessCleanup> {
  return subject.json('/v1/cleanup', { method: 'POST', body: JSON.stringify({ timeoutMs: 20_000, ...request }) });
}

/** The id that Node gave a worker of the fixture: the agent is a worker too, and was there first. */
const THREADS = { first: 'thread 2', second: 'thread 3' };

test('what worker threads hold is in every report, each manager once', async () => {
  const subject = await startWorkers('main', 'first stay', 'second stay');
  await shows(subject, ['first', 'main', 'second']);
  const stats = await subject.json<ProcessStats>('/v1/stats');
  expect(stats.unavailable).toBeUndefined();
  expect(stats.name).toBe('main');
  expect(Object.fromEntries(stats.managers.map(({ name, usedBytes }) => [name, usedBytes]))).toEqual({
    first: 10 * MIB,
    main: 10 * MIB,
    second: 10 * MIB,
  });
  expect(stats.pools.filter(({ name }) => name === 'cache').map(({ live }) => live)).toEqual([1, 1, 1]);
  const pressure = await subject.json<ProcessPressure>('/v1/pressure');
  expect(pressure.resources.filter(({ kind, name }) => kind === 'pool' && name === 'cache')).toHaveLength(3);
  const { leaks } = await subject.json<ProcessLeaks>('/v1/leaks?age=0');
  const ofPools = leaks.filter(({ source }) => source === 'pool');
  expect(ofPools.every(({ tag }) => tag === 'rows')).toBe(true);
  const { body } = await subject.ask('/metrics');
  expect(body).toContain(`memtool_pool_used_bytes{manager="second",pool="cache"} ${10 * MIB}\n`);
});

test('preloaded into a process with managers only in its workers, the agent finds those that were there and those to come', async () => {
  const subject = await ready(new Subject(['--import', 'memtool/agent', `${FIXTURES}workers.js`, '-', 'first stay']));
  await shows(subject, ['first']);
  await subject.tell('1 open another');
  await shows(subject, ['another', 'first']);
});

test('an agent that starts after the workers finds their managers', async () => {
  const subject = await startWorkers('-', 'first stay', 'second stay');
  expect(subject.files()).toEqual([]);
  await subject.tell('0 open late');
  await shows(subject, ['first', 'late', 'second']);
});

test('a worker thread that is terminated is gone, even from an endless loop', async () => {
  const subject = await startWorkers('main', 'first stay', 'second stay');
  await shows(subject, ['first', 'main', 'second']);
  await subject.tell(`2 spin ${NEVER}`);
  await subject.tell('1 terminate');
  await shows(subject, ['main', 'second']);
  await subject.tell('2 terminate');
  await shows(subject, ['main']);
});

test('a worker thread that ends by itself is gone', async () => {
  const subject = await startWorkers('main', 'first stay');
  await shows(subject, ['first', 'main']);
  subject.child.stdin?.write('1 exit\n');
  await shows(subject, ['main']);
});

test('a manager that is closed in its thread is gone, and one that is opened there later is shown', async () => {
  const subject = await startWorkers('main', 'first stay');
  await shows(subject, ['first', 'main']);
  await subject.tell('1 close');
  await shows(subject, ['main']);
  await subject.tell('1 open again');
  await shows(subject, ['again', 'main']);
});

test('cleanup is done in each thread: what was lost there is released, and its reclaimers are asked there', async () => {
  const subject = await startWorkers('main forget', 'first stay forget', 'second stay reclaim');
  await shows(subject, ['first', 'main', 'second']);
  const report = await cleanup(subject, { gc: true });
  expect(report.unavailable).toBeUndefined();
  expect(report.reclaimed.filter(({ kind }) => kind !== 'idle')).toEqual([
    { manager: 'second', kind: 'reclaimer', pool: 'query', tag: null, count: 1, bytes: 45 * MIB },
    { manager: 'main', kind: 'lost', pool: 'temp', tag: 'forgotten', count: 1, bytes: MIB },
    { manager: 'first', kind: 'lost', pool: 'temp', tag: 'forgotten', count: 1, bytes: MIB },
  ]);
  expect(report).toMatchObject({
    totals: { count: 3, bytes: 47 * MIB },
    gcPauseMs: expect.any(Number),
    layers: { heapUsedBytes: [expect.any(Number), expect.any(Number)] },
  });
  // In the threads themselves, and not only in what is told of them.
  expect(await subject.tell('1 used')).toBe(String(10 * MIB));
  expect(await subject.tell('2 used')).toBe(String(10 * MIB));
});

test('managers of several threads that have one name are one in the rows of a cleanup', async () => {
  const subject = await startWorkers('-', 'pool stay forget', 'pool stay forget', 'pool stay forget');
  await subject.tell('0 open main');
  await shows(subject, ['main', 'pool', 'pool', 'pool']);
  const { reclaimed } = await cleanup(subject, { gc: true, pool: 'temp' });
  expect(reclaimed).toEqual([
    { manager: 'pool', kind: 'lost', pool: 'temp', tag: 'forgotten', count: 3, bytes: 3 * MIB },
  ]);
});

test('a thread that is busy is named, and the others are cleaned up', async () => {
  const subject = await startWorkers('main', 'first stay', 'second stay reclaim');
  await shows(subject, ['first', 'main', 'second']);
  await subject.tell(`1 spin ${NEVER}`);
  const report = await cleanup(subject, { timeoutMs: 2000 });
  expect(report.unavailable).toEqual({
    [`manager first in ${THREADS.first}`]: expect.stringContaining('did not take up the cleanup'),
  });
  expect(report.reclaimed).toMatchObject([{ manager: 'second', kind: 'reclaimer', bytes: 45 * MIB }]);
  expect(report.layers).toBeDefined();
});

test('a busy main thread is named, and its heap is not told', async () => {
  const subject = await startWorkers('main', 'first stay reclaim');
  await shows(subject, ['first', 'main']);
  await subject.tell(`0 spin ${NEVER}`);
  const report = await cleanup(subject, { timeoutMs: 2000 });
  const reason = expect.stringContaining('did not take up the cleanup');
  expect(report.unavailable).toEqual({ 'manager main in the main thread': reason, layers: reason });
  expect(report.reclaimed).toMatchObject([{ manager: 'first', kind: 'reclaimer', bytes: 45 * MIB }]);
  expect(report.layers).toBeUndefined();
});

test('a cleanup that no thread takes up is an error, and is done by none of them later', async () => {
  const subject = await startWorkers('-', 'first stay reclaim', 'second stay reclaim');
  await subject.tell('0 open main');
  await shows(subject, ['first', 'main', 'second']);
  const mark = join(freshDirectory(), 'go-on');
  // The main thread last: it passes on what the others are told.
  for (const thread of [1, 2, 0]) await subject.tell(`${thread} spin ${mark}`);
  const answer = await subject.ask('/v1/cleanup', { method: 'POST', body: '{"timeoutMs":200}' });
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([503, { error: { code: 'MEMTOOL_BUSY' } }]);
  writeFileSync(mark, '');
  // Answered once they are free again, and the withdrawn one would have come first.
  const later = await cleanup(subject, { dryRun: true });
  expect(later.unavailable).toBeUndefined();
  expect(await subject.tell('1 used')).toBe(String(55 * MIB));
});

test('what every thread observes is shown, and of one that does not answer it is said', async () => {
  const subject = await startWorkers('main observe', 'first stay observe', 'second stay slow');
  await shows(subject, ['first', 'main', 'second']);
  const observed = async (): Promise<unknown[]> => {
    const { pools, unavailable } = await subject.json<ProcessStats>('/v1/stats');
    return [
      pools.filter(({ kind }) => kind === 'observed').map(({ manager, usedBytes }) => [manager, usedBytes]),
      unavailable,
    ];
  };
  // A thread that is starting on a busy machine may not take the question up in time, and is asked again.
  await expect.poll(observed, { timeout: 20_000 }).toEqual([
    [
      ['main', 50],
      ['first', 50],
    ],
    { [`observed slow in ${THREADS.second}`]: 'no answer within 300 ms' },
  ]);
  await subject.tell(`1 spin ${NEVER}`);
  await expect
    .poll(observed, { timeout: 20_000 })
    .toMatchObject([[['main', 50]], { [`observed in ${THREADS.first}`]: expect.stringContaining('busy') }]);
});

test('a manager that threads share is shown once, with what all of them hold, as long as any thread has it', async () => {
  const subject = await startWorkers('shared', 'first stay join', 'second stay join');
  const used = async (): Promise<unknown> =>
    (await subject.json<ProcessStats>('/v1/stats')).managers.map(({ name, usedBytes }) => [name, usedBytes]);
  await expect.poll(used, { timeout: 20_000 }).toEqual([['shared', 30 * MIB]]);
  const { body } = await subject.ask('/metrics');
  expect(body).toContain(`memtool_pool_used_bytes{manager="shared",pool="cache"} ${30 * MIB}\n`);
  // The one that made it, then one that joined. When the agent has heard of the marker, it has heard of the other too.
  await subject.tell('0 close');
  await subject.tell('0 open marker');
  await shows(subject, ['marker', 'shared']);
  await subject.tell('1 terminate');
  await shows(subject, ['marker', 'shared']);
  await subject.tell('2 terminate');
  await shows(subject, ['marker']);
});

test('of a manager that threads share each cleans up its part, and the one that is busy is named', async () => {
  const does = 'join stay forget observe';
  const subject = await startWorkers('shared forget observe', `first ${does}`, `second ${does}`);
  const observed = async (): Promise<unknown> =>
    (await subject.json<ProcessStats>('/v1/stats')).pools.filter(({ kind }) => kind === 'observed').length;
  // The agent knows then of all three that they have it.
  await expect.poll(observed, { timeout: 20_000 }).toBe(3);
  await subject.tell(`1 spin ${NEVER}`);
  const report = await cleanup(subject, { timeoutMs: 2000, gc: true, pool: 'temp' });
  expect(report.unavailable).toEqual({ [`manager shared in ${THREADS.first}`]: expect.any(String) });
  expect(report.reclaimed).toEqual([
    { manager: 'shared', kind: 'lost', pool: 'temp', tag: 'forgotten', count: 2, bytes: 2 * MIB },
  ]);
});

test('what the agent asks is answered outside the request in which the manager was made', async () => {
  const subject = await startWorkers('main', 'first stay request');
  const observed = async (): Promise<unknown> =>
    (await subject.json<ProcessStats>('/v1/stats')).pools.find(({ name }) => name === 'request')?.usedBytes;
  await expect.poll(observed, { timeout: 20_000 }).toBe(0);
});

test('where the system does not show threads, one that ends by itself says so', async () => {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const directory = freshDirectory();
  // Without leave to look into /proc.
  const allowed = [`--allow-fs-read=${ROOT}*`, `--allow-fs-read=${directory}*`, `--allow-fs-write=${directory}*`];
  const words = ['--no-warnings', permission, '--allow-worker', ...allowed, `${FIXTURES}workers.js`];
  const subject = await ready(new Subject([...words, 'main', 'first stay', 'second stay'], directory));
  await shows(subject, ['first', 'main', 'second']);
  subject.child.stdin?.write('1 exit\n');
  await shows(subject, ['main', 'second']);
});

test('workers that have nothing more to do end, and the process with them, silently', async () => {
  const subject = new Subject([`${FIXTURES}workers.js`, 'main end', 'first', 'second forget observe']);
  onTestFinished(() => subject.end());
  expect(await subject.ended).toEqual({ code: 0, signal: null, output: 'ready\n' });
  expect(subject.files()).toEqual([]);
});

test('nonsense on the channels of both sides is nothing to either', async () => {
  const subject = await startWorkers('main', 'first stay');
  await shows(subject, ['first', 'main']);
  for (const thread of [0, 1]) expect(await subject.tell(`${thread} nonsense`)).toBe('done');
  const report = await cleanup(subject, { gc: true });
  expect(report.unavailable).toBeUndefined();
  await shows(subject, ['first', 'main']);
});
