import type { Finding } from '../../report/doctor.ts';
import { levelAt } from '../../report/level.ts';
import { formatBytes, formatPercent, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences, steps, wholeMib } from '../finding.ts';
import { HEAP_SHARE_OF_CONTAINER, HEAP_SOON_PERCENT_MIN, IMMINENT_SECONDS, SOON_SECONDS } from '../thresholds.ts';

/** The V8 heap of the main thread: near its limit with what lives, or on the way to it. */
export function heapLimitNear(examined: Examined): Finding[] {
  const { stats, pressure, leaks } = examined;
  const resource = pressure.resources.find(({ kind, threadId }) => kind === 'heap' && threadId === undefined);
  if (!resource?.limitBytes) return [];
  const { limitBytes, usedBytes, bytesPerMinute } = resource;
  // A reading collects first: what is left lives.
  const live = leaks?.heap === undefined ? null : leaks.heap.liveBytes + leaks.heap.unseenBytes;
  const heldBytes = Math.min(usedBytes, live ?? usedBytes);
  const percent = (heldBytes / limitBytes) * 100;
  const level = levelAt(percent);
  const secondsToLimit = percent >= HEAP_SOON_PERCENT_MIN ? resource.secondsToLimit : null;
  const isSoon = secondsToLimit !== null && secondsToLimit <= SOON_SECONDS;
  if (level === 'normal' && !isSoon) return [];
  const isImminent = secondsToLimit !== null && secondsToLimit <= IMMINENT_SECONDS;
  const when = isSoon ? `; as it grew in the last minute, it is full in ${formatSeconds(secondsToLimit)}` : '';
  return [
    finding({
      kind: 'heap-limit-near',
      severity: level === 'critical' || isImminent ? 'critical' : 'warning',
      certainty: live === null || level === 'normal' ? 'likely' : 'certain',
      title: `The V8 heap is at ${formatPercent(percent)} of its limit (${formatBytes(heldBytes)} of ${formatBytes(limitBytes)})${when}.`,
      evidence: {
        usedBytes: heldBytes,
        limitBytes,
        usedPercent: percent,
        ...(bytesPerMinute === null ? {} : { bytesPerMinute }),
      },
      cause: sentences(
        live === null
          ? 'Some of that may be garbage that is not collected yet.'
          : 'All of that lives: it was counted after a garbage collection.',
        'At the limit Node.js ends the process, with "JavaScript heap out of memory".',
      ),
      next: steps(
        { command: `memtool leaks ${stats.pid} --wait`, why: 'watches, and says which functions make what stays' },
        largerHeap(examined, limitBytes),
      ),
      secondsToLimit,
    }),
  ];
}

/** Twice as much, if there is room for that. */
function largerHeap({ container, system }: Examined, limitBytes: number) {
  const roomBytes = container?.limitBytes ?? system?.machine?.totalBytes ?? Number.POSITIVE_INFINITY;
  const larger = Math.min(limitBytes * 2, roomBytes * HEAP_SHARE_OF_CONTAINER);
  return (
    larger > limitBytes * 1.1 && {
      command: `node --max-old-space-size=${wholeMib(larger)} app.js`,
      why: 'starts it with a larger heap, if all of that is needed',
    }
  );
}
