import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, wholeMib } from '../finding.ts';
import { WORKERS_BYTES_MIN, WORKERS_MIN } from '../thresholds.ts';

/** Each worker thread has a heap with a limit of its own, at which it ends. */
export function workerHeapNear({ stats, pressure }: Examined): Finding[] {
  return pressure.resources
    .filter(({ threadId, level }) => threadId !== undefined && level !== 'normal')
    .map(({ name, usedBytes, limitBytes, usedPercent, level }) =>
      finding({
        kind: 'worker-heap-near',
        severity: level === 'critical' ? 'critical' : 'warning',
        certainty: 'certain',
        title: `The heap of ${name} is at ${formatPercent(usedPercent ?? 0)} of its limit (${formatBytes(usedBytes)} of ${formatBytes(limitBytes ?? 0)}).`,
        evidence: { name, usedBytes, limitBytes: limitBytes ?? 0, usedPercent: usedPercent ?? 0 },
        cause: 'At its limit Node.js ends the worker with ERR_WORKER_OUT_OF_MEMORY; the process goes on without it.',
        next: [
          { command: `memtool pressure ${stats.pid} --watch`, why: 'shows whether it grows' },
          {
            command: null,
            why: `A larger heap is the maxOldGenerationSizeMb of its resourceLimits: ${2 * wholeMib(limitBytes ?? 0)} instead of ${wholeMib(limitBytes ?? 0)}.`,
          },
        ],
      }),
    );
}

/** Workers that are well, and still take most of what there is. */
export function workerHeaps({ stats }: Examined): Finding[] {
  const { workers, heapUsedBytes, rssBytes, pid } = stats;
  if (workers === undefined || workers.count < WORKERS_MIN) return [];
  const bytes = workers.heapUsedBytes + workers.externalBytes;
  if (bytes < WORKERS_BYTES_MIN || bytes < (heapUsedBytes ?? 0) || bytes < (rssBytes ?? 0) / 2) return [];
  return [
    finding({
      kind: 'worker-heaps',
      severity: 'note',
      certainty: 'certain',
      title: `Most of its memory is in the heaps of ${workers.count} worker threads: ${formatBytes(bytes)}, ${formatBytes(bytes / workers.count)} each.`,
      evidence: { workers: workers.count, heapUsedBytes: workers.heapUsedBytes, externalBytes: workers.externalBytes },
      cause: 'Each worker loads its own copy of every module, and what one reads is not shared with the others.',
      next: [
        { command: `memtool stats ${pid}`, why: 'lists them by name' },
        { command: null, why: 'Fewer workers, or data in a SharedArrayBuffer, save most.' },
      ],
    }),
  ];
}
