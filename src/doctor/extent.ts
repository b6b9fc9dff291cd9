import type { Unavailable } from '../report/document.ts';
import { formatSeconds } from '../units.ts';
import type { Examined } from './examined.ts';
import { counted } from './finding.ts';
import { pauseAdvised } from './rules/watch-young.ts';

/** What was looked at, in a few words each: who reads "nothing was found" wants to know where. */
export function examinedOf(examined: Examined): string[] {
  const { stats, pressure, leaks, ageSeconds, activity, container, system, history } = examined;
  const pools = stats.pools.filter(({ kind }) => kind !== 'heap-space').length;
  const heap = leaks?.heap;
  const spanSeconds = history === null ? 0 : spanOf(history.seconds);
  return [
    ...(pools > 0 ? [`the limits of ${counted(pools, 'pool')} and of their scopes`] : []),
    ...(pools > 0 && leaks !== null
      ? [`what is lost, orphaned, or older than ${formatSeconds(ageSeconds)} in them`]
      : []),
    ...(pressure.resources.some(({ kind }) => kind === 'heap') ? ['the limit of the V8 heap'] : []),
    ...(stats.workers ? [`the heaps of ${counted(stats.workers.count, 'worker')}`] : []),
    ...(heap && heap.watchedSeconds > ageSeconds
      ? [`what lives on the heap (watched for ${formatSeconds(heap.watchedSeconds)})`]
      : []),
    ...(stats.resident ? ['where RSS goes'] : []),
    ...(spanSeconds > 0 ? [`its last ${formatSeconds(spanSeconds)}`] : []),
    ...(activity
      ? [
          `${activity.gcPauseMs === null ? '' : 'garbage collection and '}the main thread, for ${formatSeconds(activity.seconds)}`,
        ]
      : []),
    ...(container ? ["its container's limit"] : []),
    ...(system?.machine ? ["swap and the machine's memory"] : []),
  ];
}

/** What could not be, and why. That a program has no pools, or no limit around it, is nothing that is missing. */
export function unavailableOf({ stats, leaks, noAgent }: Examined): Unavailable {
  if (noAgent !== null) return {};
  const { pools: _, ...missing } = { ...leaks?.unavailable, ...stats.unavailable };
  // A finding tells of it, with what to type.
  if (pauseAdvised(leaks) !== undefined) delete missing['heap'];
  return missing;
}

function spanOf(rows: (number | null)[][]): number {
  return ((rows.at(-1)?.[0] ?? 0) - (rows[0]?.[0] ?? 0)) / 1000;
}
