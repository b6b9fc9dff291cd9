import { MemtoolError } from '../errors.ts';
import type { CleanupRequest } from '../protocol.ts';
import { totalsOf, type CleanupRow, type ProcessCleanup, type ProcessIdentity, type Unavailable } from '../report.ts';
import { formatSeconds } from '../units.ts';
import type { Application } from './application.ts';
import type { Managers } from './managers.ts';
import type { CleanupResult } from './messages.ts';
import { NO_POOLS, stated } from './reports.ts';

const TIMEOUT_MS_DEFAULT = 4000;
const TIMEOUT_MS_MAX = 120_000;
/** Of the time-out: later than this the work is not begun, so that there is time left to do it and to answer. */
const TAKEN_SHARE = 0.75;

/**
 * Cleanup runs on the application's thread, which owns the memory; the agent asks and waits.
 *
 * @throws MemtoolError `MEMTOOL_UNKNOWN_POOL`; `MEMTOOL_BUSY` when the thread did not take it up (nothing was done, nor
 * will be) or has not finished; `MEMTOOL_INTERNAL` when every manager failed.
 */
export async function runCleanup(
  {
    managers,
    application,
    identity,
  }: { managers: Managers; application: Application; identity: () => ProcessIdentity },
  request: CleanupRequest,
): Promise<ProcessCleanup> {
  const { pool, gc = false, timeoutMs = TIMEOUT_MS_DEFAULT, ageSeconds, dryRun = false, force = false } = request;
  const ids = managers.idsWith(pool);
  if (pool !== undefined && ids.length === 0) throw unknownPool(pool, managers);
  const answeredWithinMs = Math.min(timeoutMs, TIMEOUT_MS_MAX);
  const takenWithinMs = answeredWithinMs * TAKEN_SHARE;
  const outcome = await application.ask(
    {
      kind: 'cleanup',
      managers: ids,
      options: { ageSeconds, dryRun, force, ...(pool === undefined ? {} : { pool }) },
      // A collection is something done, and a dry run does nothing.
      gc: gc && !dryRun,
    },
    { takenWithinMs, answeredWithinMs },
  );
  switch (outcome.kind) {
    case 'answered':
      return { ...identity(), ...assemble(outcome.value, dryRun) };
    case 'failed':
      throw new MemtoolError('MEMTOOL_INTERNAL', `Cleanup failed in the application: ${outcome.message}`);
    case 'withdrawn':
      throw new MemtoolError(
        'MEMTOOL_BUSY',
        `The application's thread did not take up the cleanup within ${formatSeconds(takenWithinMs / 1000)}: it is busy, or another cleanup has not finished. The request was withdrawn and nothing was done.`,
        { hint: 'Try again, or wait longer with --timeout 30.' },
      );
    case 'unanswered':
      throw new MemtoolError(
        'MEMTOOL_BUSY',
        `The application's thread began the cleanup and has not finished within ${formatSeconds(answeredWithinMs / 1000)}; it goes on, and what it gives back is not known here.`,
        { hint: 'A reclaimer may be slow: look at `memtool stats` in a while, or wait longer with --timeout 30.' },
      );
  }
}

function assemble(result: CleanupResult, dryRun: boolean): Omit<ProcessCleanup, keyof ProcessIdentity> {
  const unavailable: Unavailable = {};
  if (result.managers.length === 0) unavailable['pools'] = NO_POOLS;
  const reclaimed: CleanupRow[] = [];
  const left: CleanupRow[] = [];
  for (const manager of result.managers) {
    if (manager.ok) {
      reclaimed.push(...manager.cleanup.reclaimed);
      left.push(...manager.cleanup.left);
    } else {
      unavailable[`manager ${manager.name}`] = manager.message;
    }
  }
  if (result.managers.length > 0 && result.managers.every(({ ok }) => !ok)) {
    throw new MemtoolError(
      'MEMTOOL_INTERNAL',
      `Cleanup failed in the application: ${Object.values(unavailable).join('; ')}`,
    );
  }
  const { before, after, gcPauseMs } = result;
  return {
    reclaimed,
    left,
    // Idle memory was charged to nobody.
    totals: totalsOf(reclaimed.filter(({ kind }) => kind !== 'idle')),
    ...(dryRun
      ? {}
      : {
          layers: {
            heapUsedBytes: [before.heapUsedBytes, after.heapUsedBytes],
            externalBytes: [before.externalBytes, after.externalBytes],
            rssBytes: [before.rssBytes, after.rssBytes],
          },
        }),
    ...(gcPauseMs === null ? {} : { gcPauseMs }),
    ...stated(unavailable),
  };
}

function unknownPool(pool: string, managers: Managers): MemtoolError {
  const names = [...new Set(managers.poolNames)];
  return new MemtoolError('MEMTOOL_UNKNOWN_POOL', `There is no pool "${pool}".`, {
    hint: names.length > 0 ? `There are: ${names.join(', ')}.` : 'This process has no pools.',
  });
}
