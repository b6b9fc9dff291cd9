import type { Finding } from '../../report/doctor.ts';
import { formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding } from '../finding.ts';
import { recordStep } from './trends.ts';

/** What is older must be told from what is young: both have to have been seen to come. */
const WATCH_PER_AGE = 1.5;

/** When to come back, where the heap was not watched for long enough. */
export function watchYoung({ leaks, ageSeconds, stats: { pid } }: Examined): Finding[] {
  const heap = leaks?.heap;
  if (heap === undefined || heap.watchedSeconds > ageSeconds) return [];
  const minutes = Math.max(1, Math.ceil((ageSeconds * WATCH_PER_AGE - heap.watchedSeconds) / 60));
  return [
    finding({
      kind: 'watch-young',
      severity: 'note',
      certainty: 'certain',
      title: `Its heap has been watched for ${formatSeconds(heap.watchedSeconds)} only: whether something leaks there cannot be told yet.`,
      evidence: { watchedSeconds: heap.watchedSeconds, ageSeconds },
      cause: `Ask again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}; the watch goes on meanwhile.`,
      next: [
        { command: `memtool leaks ${pid} --wait`, why: 'waits for as long as it takes, and answers then' },
        recordStep(pid),
      ],
    }),
  ];
}

/** What an agent says that it would take to have the heap read. */
export function pauseAdvised(leaks: Examined['leaks']): string | undefined {
  return /--max-pause (\d+s)/.exec(leaks?.unavailable?.['heap'] ?? '')?.[1];
}

/** A heap that was not read, since that would have taken too long. */
export function heapUnread({ leaks, stats: { pid } }: Examined): Finding[] {
  const reason = leaks?.unavailable?.['heap'] ?? '';
  const pause = pauseAdvised(leaks);
  if (pause === undefined) return [];
  return [
    finding({
      kind: 'heap-unread',
      severity: 'note',
      certainty: 'certain',
      title:
        'Its heap was not read, so that leaks there are not in this: reading it would stop the program for too long.',
      cause: `${reason.replace(/: to have it made.*$/, '').replace(/^./, (first) => first.toUpperCase())}.`,
      next: [{ command: `memtool doctor ${pid} --max-pause ${pause}`, why: 'reads it all the same' }],
    }),
  ];
}

/** What the ledger had no room for. */
export function unrecorded({ stats }: Examined): Finding[] {
  return stats.managers
    .filter((manager) => manager.unrecorded > 0)
    .map(({ name, unrecorded: count }) =>
      finding({
        kind: 'unrecorded',
        severity: 'note',
        certainty: 'certain',
        title: `${count} live allocations of ${name} have no record, because its table is full: leaks among them are not seen.`,
        evidence: { manager: name, unrecorded: count },
        next: [{ command: null, why: 'A larger recordsMax in the options of the manager has room for them.' }],
      }),
    );
}
