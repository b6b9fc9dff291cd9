import { MemtoolError } from '../errors.ts';
import type { CleanupRequest } from '../protocol.ts';
import type { ProcessCleanup } from '../report/cleanup.ts';
import type { ProcessIdentity, Unavailable } from '../report/document.ts';
import { totalsOf } from '../report/totals.ts';
import { formatSeconds } from '../units.ts';
import type { Application, Outcome, Patience } from './application.ts';
import { sumRows } from './cleanup-rows.ts';
import type { HeldManager, Managers } from './managers.ts';
import { MAIN_THREAD, type CleanupResult } from './messages.ts';
import { NO_POOLS, stated } from './reports.ts';
import { threadName } from './thread-name.ts';

const TIMEOUT_MS_DEFAULT = 4000;
const TIMEOUT_MS_MAX = 120_000;
/** Of the time-out: later than this the work is not begun, so that there is time left to do it and to answer. */
const TAKEN_SHARE = 0.75;

export interface CleanupSources {
  managers: Managers;
  application: Application;
  identity: () => ProcessIdentity;
  rssBytes: () => number;
}

/** What came of asking one thread. */
interface ThreadCleanup {
  threadId: number;
  /** The managers it was asked to clean up; of the main thread, which tells of the heap too, there may be none. */
  held: HeldManager[];
  outcome: Outcome<CleanupResult>;
}

/**
 * Cleanup runs on the threads of the application that own the memory; the agent asks all of them at once and waits. Of those
 * that did not answer the report says so.
 *
 * @throws MemtoolError `MEMTOOL_UNKNOWN_POOL`; `MEMTOOL_BUSY` when no thread took it up (nothing was done, nor will be) or
 * has finished; `MEMTOOL_INTERNAL` when every manager failed.
 */
export async function runCleanup(
  { managers, application, identity, rssBytes }: CleanupSources,
  request: CleanupRequest,
): Promise<ProcessCleanup> {
  const { pool, gc = false, timeoutMs = TIMEOUT_MS_DEFAULT, ageSeconds, dryRun = false, force = false } = request;
  const held = managers.heldWith(pool);
  if (pool !== undefined && held.size === 0) throw unknownPool(pool, managers);
  const answeredWithinMs = Math.min(timeoutMs, TIMEOUT_MS_MAX);
  const patience = { takenWithinMs: answeredWithinMs * TAKEN_SHARE, answeredWithinMs };
  const rssBefore = rssBytes();
  const askOne = async (threadId: number): Promise<ThreadCleanup> => {
    const asked = held.get(threadId) ?? [];
    const outcome = await application.ask(
      threadId,
      {
        kind: 'cleanup',
        managers: asked.map(({ id }) => id),
        options: { ageSeconds, dryRun, force, ...(pool === undefined ? {} : { pool }) },
        // A collection is something done, and a dry run does nothing.
        gc: gc && !dryRun,
      },
      patience,
    );
    return { threadId, held: asked, outcome };
  };
  const threads = await Promise.all([...new Set([MAIN_THREAD, ...held.keys()])].map(askOne));
  const done = threads.filter(({ held: asked, outcome }) => {
    if (outcome.kind !== 'answered') return false;
    // A main thread without managers has only told of its heap, unless there was nothing else to be done.
    return asked.length > 0 || held.size === 0 || outcome.value.gcPauseMs !== null;
  });
  const refused = threads.filter(({ outcome }) => outcome.kind !== 'answered' && outcome.kind !== 'gone');
  if (done.length === 0 && refused.length > 0) throw nobodyAnswered(threads, held.size === 0, patience);
  return {
    ...identity(),
    ...assemble(threads, patience, dryRun ? undefined : [rssBefore, rssBytes()], managers.omitted),
  };
}

function assemble(
  threads: ThreadCleanup[],
  patience: Patience,
  rssBytes: [before: number, after: number] | undefined,
  omitted: string | undefined,
): Omit<ProcessCleanup, keyof ProcessIdentity> {
  const unavailable: Unavailable = {};
  if (omitted !== undefined) unavailable['managers'] = omitted;
  if (threads.every(({ held }) => held.length === 0)) unavailable['pools'] = NO_POOLS;
  const results = threads.flatMap(({ threadId, held, outcome }) => {
    if (outcome.kind === 'answered') return outcome.value.managers.map((result) => ({ threadId, ...result }));
    const reason = reasonOf(outcome, patience);
    for (const { name } of held) unavailable[`manager ${name} in ${threadName(threadId)}`] = reason;
    if (threadId === MAIN_THREAD && rssBytes) unavailable['layers'] = reason;
    return [];
  });
  for (const result of results) {
    if (!result.ok) unavailable[`manager ${result.name} in ${threadName(result.threadId)}`] = result.message;
  }
  if (results.length > 0 && results.every(({ ok }) => !ok)) {
    throw failed(Object.values(unavailable).join('; '));
  }
  const cleanups = results.flatMap((result) => (result.ok ? [result.cleanup] : []));
  const reclaimed = sumRows(cleanups.flatMap((cleanup) => cleanup.reclaimed));
  const answers = threads.flatMap(({ threadId, outcome }) =>
    outcome.kind === 'answered' ? [{ threadId, ...outcome.value }] : [],
  );
  const main = answers.find(({ threadId }) => threadId === MAIN_THREAD);
  const pausesMs = answers.flatMap(({ gcPauseMs }) => gcPauseMs ?? []);
  return {
    reclaimed,
    left: sumRows(cleanups.flatMap((cleanup) => cleanup.left)),
    // Idle memory was charged to nobody.
    totals: totalsOf(reclaimed.filter(({ kind }) => kind !== 'idle')),
    ...(main && rssBytes
      ? {
          layers: {
            heapUsedBytes: [main.before.heapUsedBytes, main.after.heapUsedBytes],
            externalBytes: [main.before.externalBytes, main.after.externalBytes],
            rssBytes,
          },
        }
      : {}),
    // They collect at the same time, each for itself: no thread was stopped for longer.
    ...(pausesMs.length > 0 ? { gcPauseMs: Math.max(...pausesMs) } : {}),
    ...stated(unavailable),
  };
}

type NoAnswer = Exclude<Outcome<CleanupResult>, { kind: 'answered' }>;

function reasonOf(outcome: NoAnswer, { takenWithinMs, answeredWithinMs }: Patience): string {
  switch (outcome.kind) {
    case 'failed':
      return `the cleanup failed: ${outcome.message}`;
    case 'withdrawn':
      return `the thread did not take up the cleanup within ${formatSeconds(takenWithinMs / 1000)}: it is busy, or another cleanup has not finished; nothing was done there`;
    case 'unanswered':
      return `the thread began the cleanup and has not finished within ${formatSeconds(answeredWithinMs / 1000)}; it goes on, and what it gives back is not known here`;
    case 'gone':
      return 'the thread has ended, or has closed its managers, meanwhile';
  }
}

/** The worst of what became of the threads that matter: one that has begun is not to be told as one that was not touched. */
function nobodyAnswered(
  threads: ThreadCleanup[],
  isWithoutManagers: boolean,
  { takenWithinMs, answeredWithinMs }: Patience,
): MemtoolError {
  const asked = threads.filter(({ held }) => isWithoutManagers || held.length > 0);
  const outcomes = asked.map(({ outcome }) => outcome);
  const kinds = outcomes.map(({ kind }) => kind);
  const several = asked.length > 1;
  if (kinds.includes('unanswered')) {
    const who = several ? "Of the application's threads some" : "The application's thread";
    const has = several ? 'have' : 'has';
    return new MemtoolError(
      'MEMTOOL_BUSY',
      `${who} began the cleanup and ${has} not finished within ${formatSeconds(answeredWithinMs / 1000)}; it goes on, and what it gives back is not known here.`,
      { hint: 'A reclaimer may be slow: look at `memtool stats` in a while, or wait longer with --timeout 30.' },
    );
  }
  const failures = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.message] : []));
  if (failures.length > 0) return failed(failures.join('; '));
  const who = several
    ? `None of the application's ${asked.length} threads took`
    : "The application's thread did not take";
  return new MemtoolError(
    'MEMTOOL_BUSY',
    `${who} up the cleanup within ${formatSeconds(takenWithinMs / 1000)}: ${several ? 'they are' : 'it is'} busy, or another cleanup has not finished. The request was withdrawn and nothing was done.`,
    { hint: 'Try again, or wait longer with --timeout 30.' },
  );
}

function failed(reason: string): MemtoolError {
  return new MemtoolError('MEMTOOL_INTERNAL', `Cleanup failed in the application: ${reason}`);
}

function unknownPool(pool: string, managers: Managers): MemtoolError {
  const names = [...new Set(managers.poolNames)];
  return new MemtoolError('MEMTOOL_UNKNOWN_POOL', `There is no pool "${pool}".`, {
    hint: names.length > 0 ? `There are: ${names.join(', ')}.` : 'This process has no pools.',
  });
}
