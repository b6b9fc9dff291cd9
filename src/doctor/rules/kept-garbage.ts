import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding } from '../finding.ts';
import { GARBAGE_BYTES_MIN, GARBAGE_SHARE_MIN } from '../thresholds.ts';

/** Pages that V8 has taken from the system, and has nothing in. */
export function keptGarbage({ stats, leaks }: Examined): Finding[] {
  const heap = stats.pools.find(
    ({ kind, name, threadId }) => kind === 'heap-space' && name === 'heap' && threadId === undefined,
  );
  if (heap === undefined) return [];
  // Without a collection before, part of what is used may be garbage, too.
  const reading = leaks?.heap;
  const wasRead = reading !== undefined;
  const live = Math.min(heap.usedBytes, wasRead ? reading.liveBytes + reading.unseenBytes : Number.POSITIVE_INFINITY);
  const free = heap.reservedBytes - live;
  if (free < GARBAGE_BYTES_MIN || free < heap.reservedBytes * GARBAGE_SHARE_MIN) return [];
  return [
    finding({
      kind: 'kept-garbage',
      severity: 'note',
      certainty: wasRead ? 'likely' : 'possible',
      title: `V8 keeps ${formatBytes(heap.reservedBytes)} for a heap in which ${formatBytes(live)} live: ${formatPercent((free / heap.reservedBytes) * 100)} of it is free or garbage.`,
      evidence: { reservedBytes: heap.reservedBytes, liveBytes: live },
      cause: 'After a peak V8 keeps the room for the next one, and an idle process collects nothing. It is no leak.',
      next: [{ command: `memtool cleanup ${stats.pid} --gc`, why: 'collects, and shows what came back of RSS' }],
      savesBytes: free,
    }),
  ];
}
