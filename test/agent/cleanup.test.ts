import { expect, test } from 'vitest';
import { Application } from '../../src/agent/application.ts';
import { runCleanup } from '../../src/agent/cleanup.ts';
import { Managers } from '../../src/agent/managers.ts';
import {
  MAIN_THREAD,
  REQUEST,
  type Answer,
  type CleanupResult,
  type RequestMessage,
} from '../../src/agent/messages.ts';
import type { CleanupRequest } from '../../src/protocol.ts';
import type { ProcessCleanup } from '../../src/report/cleanup.ts';

const LAYERS = { heapUsedBytes: 1, externalBytes: 2 };

type Behaviour = 'busy' | 'slow' | 'broken' | 'ended' | { bytes: number; gcPauseMs?: number };

/** A cleanup of a manager `shared` that all of these threads have; what each makes of being asked is given. */
async function cleanup(
  behaviours: Record<number, Behaviour>,
  request: Partial<CleanupRequest> = {},
  isHeldByMain = true,
): Promise<{ report: ProcessCleanup; asked: RequestMessage['work'][] }> {
  const managers = new Managers();
  const asked: RequestMessage['work'][] = [];
  const shared = new SharedArrayBuffer(8);
  const threads = Object.keys(behaviours).map(Number);
  for (const thread of threads) {
    if (thread !== MAIN_THREAD || isHeldByMain) managers.add(thread, { id: 0, name: 'shared', ledgerId: 5, shared });
  }
  const application = new Application((thread, { requestId, state, work }) => {
    asked.push(work);
    const behaviour = behaviours[thread];
    const answer = (message: Answer): void => application.receive(thread, requestId, message);
    if (behaviour === undefined || behaviour === 'busy') return;
    if (behaviour === 'ended') {
      queueMicrotask(() => application.forget(thread));
      return;
    }
    Atomics.store(state, 0, REQUEST.taken);
    if (behaviour === 'slow') return;
    if (behaviour === 'broken') answer({ ok: false, message: 'on purpose' });
    else answer({ ok: true, value: result(work, behaviour) });
  });
  const report = await runCleanup(
    {
      managers,
      application,
      identity: () => ({ pid: 1, name: 'n', nodeVersion: null, uptimeSeconds: 1, sampledAt: '' }),
      rssBytes: () => 9,
    },
    { ageSeconds: 0, timeoutMs: 20, ...request },
  );
  return { report, asked };
}

function result(
  work: RequestMessage['work'],
  { bytes, gcPauseMs }: { bytes: number; gcPauseMs?: number },
): CleanupResult {
  const row = { manager: 'shared', kind: 'lost', pool: 'cache', tag: 'rows', count: 1, bytes } as const;
  const managers = work.kind === 'cleanup' ? work.managers : [];
  return {
    managers: managers.map(() => ({ name: 'shared', ok: true, cleanup: { reclaimed: [row], left: [] } })),
    before: LAYERS,
    after: LAYERS,
    gcPauseMs: gcPauseMs ?? null,
  };
}

test('of a manager that threads share each does its part, and the parts are one row', async () => {
  const { report, asked } = await cleanup({ 0: { bytes: 1 }, 2: { bytes: 20 }, 3: { bytes: 300 } });
  expect(asked).toHaveLength(3);
  expect(report).toMatchObject({
    reclaimed: [{ manager: 'shared', kind: 'lost', pool: 'cache', tag: 'rows', count: 3, bytes: 321 }],
    totals: { count: 3, bytes: 321 },
    layers: { heapUsedBytes: [1, 1], externalBytes: [2, 2], rssBytes: [9, 9] },
  });
  expect(report.unavailable).toBeUndefined();
});

test('each thread that did nothing is named, with what kept it, beside what the others did', async () => {
  const { report } = await cleanup({ 0: 'busy', 2: 'slow', 3: 'broken', 4: 'ended', 5: { bytes: 5 } });
  expect(report.unavailable).toEqual({
    'manager shared in the main thread': expect.stringContaining('did not take up'),
    layers: expect.stringContaining('did not take up'),
    'manager shared in thread 2': expect.stringContaining('it goes on'),
    'manager shared in thread 3': 'the cleanup failed: on purpose',
    'manager shared in thread 4': expect.stringContaining('has ended'),
  });
  expect(report.totals).toEqual({ count: 1, bytes: 5 });
  expect(report.layers).toBeUndefined();
});

test.each<[string, Record<number, Behaviour>, object]>([
  [
    'all busy',
    { 0: 'busy', 2: 'busy' },
    { code: 'MEMTOOL_BUSY', message: expect.stringContaining('2 threads took up') },
  ],
  [
    'one busy',
    { 0: 'busy' },
    { code: 'MEMTOOL_BUSY', message: expect.stringContaining("The application's thread did") },
  ],
  // It must not be said that nothing was done.
  ['one has begun', { 0: 'busy', 2: 'slow' }, { code: 'MEMTOOL_BUSY', message: expect.stringContaining('it goes on') }],
  [
    'one failed',
    { 0: 'busy', 2: 'broken' },
    { code: 'MEMTOOL_INTERNAL', message: expect.stringContaining('on purpose') },
  ],
])('when no thread with a manager answered it is an error: %s', async (_name, behaviours, error) => {
  await expect(cleanup(behaviours)).rejects.toMatchObject(error);
});

test('a main thread without managers that answers is no cleanup, unless it has collected its garbage', async () => {
  const behaviours = { 0: { bytes: 0 }, 2: 'busy' } as const;
  await expect(cleanup(behaviours, {}, false)).rejects.toMatchObject({ code: 'MEMTOOL_BUSY' });
  const { report } = await cleanup({ ...behaviours, 0: { bytes: 0, gcPauseMs: 3 } }, { gc: true }, false);
  expect(report).toMatchObject({
    reclaimed: [],
    gcPauseMs: 3,
    unavailable: { 'manager shared in thread 2': expect.any(String) },
  });
});

test('managers that have ended with their threads are nothing to clean up, and no failure', async () => {
  const { report } = await cleanup({ 0: { bytes: 0 }, 2: 'ended' }, {}, false);
  expect(report).toMatchObject({ reclaimed: [], totals: { count: 0, bytes: 0 } });
});

test('every thread is asked to collect; a dry run collects nothing and tells of no heap', async () => {
  const collected = await cleanup({ 0: { bytes: 1, gcPauseMs: 4 }, 2: { bytes: 1, gcPauseMs: 7 } }, { gc: true });
  expect(collected.asked).toEqual([expect.objectContaining({ gc: true }), expect.objectContaining({ gc: true })]);
  // At the same time: no thread was stopped for longer than the longest.
  expect(collected.report.gcPauseMs).toBe(7);
  const dry = await cleanup({ 0: 'busy', 2: { bytes: 1 } }, { gc: true, dryRun: true });
  expect(dry.asked).toEqual([expect.objectContaining({ gc: false }), expect.objectContaining({ gc: false })]);
  expect(dry.report.layers).toBeUndefined();
  expect(Object.keys(dry.report.unavailable ?? {})).toEqual(['manager shared in the main thread']);
});
