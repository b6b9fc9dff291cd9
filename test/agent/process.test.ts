import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parseSocketName, type AgentFailure, type Health } from '../../src/protocol.ts';
import type { ProcessPressure } from '../../src/report/pressure.ts';
import type { ProcessStats } from '../../src/report/stats.ts';
import { FIXTURES, freshDirectory, Subject } from './subject.ts';

const subjects: Subject[] = [];

function pools(...modeAndArgument: string[]): Subject {
  return started(new Subject([`${FIXTURES}pools.js`, ...modeAndArgument]));
}

function started(subject: Subject): Subject {
  subjects.push(subject);
  return subject;
}

afterEach(async () => {
  await Promise.all(subjects.splice(0).map((subject) => subject.end()));
});

test('a process with pools says who it is and what they hold', async () => {
  const subject = pools('stay');
  const stats = await subject.json<ProcessStats>('/v1/stats');
  expect(stats).toMatchObject({ pid: subject.child.pid, name: 'orders', nodeVersion: process.version, scopes: [] });
  expect(stats.unavailable).toBeUndefined();
  expect(stats.pools.find(({ name }) => name === 'cache')).toMatchObject({
    manager: 'orders',
    usedBytes: 90 * 1024 ** 2,
    level: 'warning',
    live: 1,
  });
  expect(stats.rssBytes).toBeGreaterThan(10 * 1024 ** 2);
  expect(stats.heapUsedBytes).toBeGreaterThan(1024 ** 2);
  expect(stats.heapLimitBytes).toBeGreaterThan(stats.heapUsedBytes ?? 0);
  expect(stats.memtoolBytes).toBeGreaterThan(1024 ** 2);
  const health = await subject.json<Health>('/v1/health');
  expect(health).toMatchObject({ pid: subject.child.pid, managers: ['orders'], pools: 3, schemaVersion: 1 });
});

test('pressure holds every pool and the heap, and the worst of their levels', async () => {
  const pressure = await pools('stay').json<ProcessPressure>('/v1/pressure');
  expect(pressure.level).toBe('warning');
  expect(pressure.resources.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    'heap heap',
    'pool cache',
    'pool query',
    'pool temp',
  ]);
  expect(pressure.resources[0]).toMatchObject({ name: 'cache', bytesPerMinute: null, secondsToLimit: null });
});

test('what the application observes is shown beside its pools', async () => {
  const subject = pools('observe');
  // A thread that is starting on a busy machine may not take the question up in time; then it says so, and is asked again.
  const observed = async () =>
    (await subject.json<ProcessStats>('/v1/stats')).pools.find(({ kind }) => kind === 'observed');
  await expect.poll(observed, { timeout: 10_000 }).toMatchObject({
    kind: 'observed',
    name: 'duckdb',
    usedBytes: 50,
    usedPercent: 50,
    level: 'normal',
  });
});

test('phases that the application names are told, and no pools that it observes', async () => {
  const subject = pools('phase');
  const phases = async () => (await subject.json<ProcessStats>('/v1/stats')).phases;
  await expect.poll(phases, { timeout: 10_000 }).toMatchObject([
    {
      manager: 'orders',
      name: 'refresh',
      runs: 1,
      notFreedBytes: 1000,
      pools: expect.arrayContaining([{ name: 'temp', peakBytes: 1000, notFreedBytes: 1000 }]),
    },
  ]);
  expect((await subject.json<ProcessStats>('/v1/stats')).pools.some(({ kind }) => kind === 'observed')).toBe(false);
});

test('stats and their V8 figures are there while the main thread is in an endless loop', async () => {
  const stats = await pools('spin').json<ProcessStats>('/v1/stats');
  expect(stats.pools.find(({ name }) => name === 'cache')?.usedBytes).toBe(90 * 1024 ** 2);
  expect(stats.heapUsedBytes).toBeGreaterThan(1024 ** 2);
  expect(stats.unavailable).toBeUndefined();
});

test('what an observe() function would say is unavailable, with the reason, while the main thread is in an endless loop', async () => {
  const stats = await pools('spin-observed').json<ProcessStats>('/v1/stats');
  expect(stats.unavailable).toEqual({ observed: expect.stringContaining('busy') });
});

test('pools are there while the main thread is inside a native call, and the rest says why it is not', async () => {
  const stats = await pools('native', '30').json<ProcessStats>('/v1/stats');
  expect(stats.pools.find(({ name }) => name === 'cache')?.usedBytes).toBe(90 * 1024 ** 2);
  expect(stats).toMatchObject({ heapUsedBytes: null, unavailable: { heap: 'main thread is inside a native call' } });
  expect(stats.rssBytes).toBeGreaterThan(1024 ** 2);
});

test('a cleanup that was withdrawn from a busy thread is never run', async () => {
  const mark = join(freshDirectory(), 'asked');
  const subject = pools('reclaim', mark);
  const socket = await subject.appeared('.sock');
  // A request is taken up until the busy stretch begins, and not in it.
  let refused: { status: number; body: string };
  do refused = await subject.ask('/v1/cleanup', { method: 'POST', body: '{"timeoutMs":200,"dryRun":true}' });
  while (refused.status === 200);
  expect(JSON.parse(refused.body)).toMatchObject({ error: { code: 'MEMTOOL_BUSY' } });
  const real = await subject.ask('/v1/cleanup', { method: 'POST', body: '{"timeoutMs":200}' });
  expect(real.status).toBe(503);
  // It is free again once it takes one up, and the withdrawn one would have come before it.
  const later = await subject.ask('/v1/cleanup', { method: 'POST', body: '{"timeoutMs":20000,"dryRun":true}' });
  expect(later.status).toBe(200);
  expect(existsSync(mark)).toBe(false);
  // The same request, taken up, does reach the reclaimer.
  await subject.ask('/v1/cleanup', { method: 'POST', body: '{}' });
  expect(existsSync(mark)).toBe(true);
  expect(existsSync(socket)).toBe(true);
});

test('a cleanup with gc tells the pause and the layers; an unknown pool is refused', async () => {
  const subject = pools('stay');
  expect(await subject.json('/v1/cleanup', { method: 'POST', body: '{"gc":true}' })).toMatchObject({
    gcPauseMs: expect.any(Number),
    layers: { heapUsedBytes: [expect.any(Number), expect.any(Number)] },
    totals: { count: expect.any(Number), bytes: expect.any(Number) },
  });
  const refused = await subject.ask('/v1/cleanup', { method: 'POST', body: '{"pool":"nope"}' });
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.body)).toMatchObject({
    error: { code: 'MEMTOOL_UNKNOWN_POOL', hint: 'There are: query, cache, temp.' },
  });
});

test('a process that has nothing more to do ends, silently, and takes its socket along', async () => {
  const subject = pools('end');
  expect(await subject.ended).toEqual({ code: 0, signal: null, output: '' });
  expect(subject.files()).toEqual([]);
});

test('an uncaught error ends the process as ever, and the socket goes', async () => {
  const subject = pools('throw', '1000');
  await subject.appeared('.sock');
  const ended = await subject.ended;
  expect(ended.code).toBe(1);
  expect(ended.output).toContain('on purpose');
  expect(subject.files('.sock')).toEqual([]);
});

test('process.exit() while an inspector session is in use is clean: its code, no output, no socket left', async () => {
  for (let round = 0; round < 3; round += 1) {
    const subject = pools('native-then-exit', '1');
    const socket = await subject.appeared('.sock');
    // Most of the time a session is open and waits, so that the exit finds one.
    while (subject.child.exitCode === null) await subject.ask('/v1/stats').catch(() => undefined);
    expect(await subject.ended).toEqual({ code: 7, signal: null, output: '' });
    expect(existsSync(socket)).toBe(false);
  }
});

test('an application with ten exit listeners of its own gets no warning for ours', async () => {
  expect(await pools('listeners').ended).toEqual({ code: 0, signal: null, output: '' });
});

test('a manager in a worker thread starts no second agent', async () => {
  const { output } = await pools('worker').ended;
  expect(output).toBe('agent in the worker: false\nagent in the main thread: true\n');
});

test('an untrusted directory costs the agent and nothing else', async () => {
  const directory = freshDirectory();
  chmodSync(directory, 0o755);
  const subject = started(new Subject([`${FIXTURES}pools.js`, 'end'], directory));
  expect(await subject.ended).toEqual({ code: 0, signal: null, output: '' });
  expect(subject.files()).toEqual([]);
});

test('a path that is too long is noted where memtool looks, and the note goes with the process', async () => {
  const directory = join(freshDirectory(), 'd'.repeat(100));
  mkdirSync(directory, { mode: 0o700 });
  const subject = started(new Subject([`${FIXTURES}pools.js`, 'throw', '2000'], directory));
  const note = await subject.appeared('.failed');
  const failure: AgentFailure = JSON.parse(readFileSync(note, 'utf8'));
  expect(failure).toMatchObject({
    pid: subject.child.pid,
    name: 'pools.js',
    error: { code: 'MEMTOOL_SOCKET_PATH_TOO_LONG' },
  });
  await subject.ended;
  expect(subject.files('.failed')).toEqual([]);
});

test('preloaded into an application without managers, it answers with the figures of the process', async () => {
  const subject = started(new Subject(['--import', 'memtool/agent', `${FIXTURES}bare.js`]));
  const stats = await subject.json<ProcessStats>('/v1/stats');
  expect(stats).toMatchObject({ name: 'bare.js', managers: [] });
  const heap = stats.pools.find(({ name }) => name === 'heap');
  expect(heap).toMatchObject({ kind: 'heap-space', limitBytes: stats.heapLimitBytes, usedBytes: stats.heapUsedBytes });
  expect(stats.pools.every(({ kind }) => kind === 'heap-space')).toBe(true);
  // The spaces add up to the heap, as far as V8 counts them at one moment.
  expect(stats.pools.map(({ name }) => name)).toEqual(expect.arrayContaining(['old_space', 'new_space', 'external']));
  expect(stats.heapUsedBytes).toBeGreaterThan(1024 ** 2);
  const pressure = await subject.json<ProcessPressure>('/v1/pressure');
  expect(pressure.resources.map(({ kind }) => kind)).toEqual(['heap']);
});

test('of an application without managers nothing is said about leaks, and why', async () => {
  const subject = started(new Subject(['--import', 'memtool/agent', `${FIXTURES}bare.js`]));
  const unavailable = { pools: expect.stringContaining('uses the memtool library') };
  expect(await subject.json('/v1/leaks')).toMatchObject({ leaks: [], unavailable });
  expect(await subject.json('/v1/cleanup', { method: 'POST', body: '{}' })).toMatchObject({
    reclaimed: [],
    unavailable,
  });
});

test('the socket carries the pid and the start time, and is only reachable for its owner', async () => {
  const subject = pools('stay');
  const socket = await subject.appeared('.sock');
  expect(parseSocketName(socket.slice(subject.directory.length + 1))?.pid).toBe(subject.child.pid);
  expect(statSync(subject.directory).mode & 0o077).toBe(0);
});

test('metrics are there for Prometheus', async () => {
  const { headers, body } = await pools('stay').ask('/metrics');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(body).toContain('memtool_pool_used_bytes{manager="orders",pool="cache"} 94371840\n');
});
