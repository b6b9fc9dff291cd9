import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, wholeMib } from '../finding.ts';
import { HEAP_SHARE_MATTERS_PERCENT, HEAP_SHARE_MAX, HEAP_SHARE_MIN, HEAP_SHARE_OF_CONTAINER } from '../thresholds.ts';

/** Whether the limit of the heap suits the container, or the machine, that it runs in. */
export function heapLimitFit({ stats, container, system }: Examined): Finding[] {
  const heapLimitBytes = stats.heapLimitBytes;
  const roomBytes = container?.limitBytes ?? system?.machine?.totalBytes;
  if (heapLimitBytes === null || roomBytes === undefined) return [];
  const where = container === null ? 'the machine' : 'its container';
  const fitting = wholeMib(roomBytes * HEAP_SHARE_OF_CONTAINER);
  const evidence = { heapLimitBytes, roomBytes };
  const restart = {
    command: `node --max-old-space-size=${fitting} app.js`,
    why: `starts it with ${formatPercent(HEAP_SHARE_OF_CONTAINER * 100)} of that for the heap, and the rest for buffers, code and stacks`,
  };
  if (heapLimitBytes > roomBytes * HEAP_SHARE_MAX) {
    return [
      finding({
        kind: 'heap-limit-too-high',
        severity: 'warning',
        certainty: 'certain',
        title: `The V8 heap may grow to ${formatBytes(heapLimitBytes)}, but ${where} has only ${formatBytes(roomBytes)}.`,
        evidence,
        cause: 'V8 collects in earnest only near its own limit: before it gets there, the kernel kills the process.',
        next: [restart],
      }),
    ];
  }
  const usedPercent = ((stats.heapUsedBytes ?? 0) / heapLimitBytes) * 100;
  const hasWorkers = (stats.workers?.count ?? 0) > 0;
  if (container === null || hasWorkers || heapLimitBytes > roomBytes * HEAP_SHARE_MIN) return [];
  if (usedPercent < HEAP_SHARE_MATTERS_PERCENT) return [];
  return [
    finding({
      kind: 'heap-limit-too-low',
      severity: 'note',
      certainty: 'possible',
      title: `The V8 heap may only grow to ${formatBytes(heapLimitBytes)}, of which ${formatPercent(usedPercent)} are used, in a container of ${formatBytes(roomBytes)}.`,
      evidence: { ...evidence, usedPercent },
      cause: 'Most of what the container was given cannot be used by the heap; other processes or buffers may need it.',
      next: [restart],
    }),
  ];
}
