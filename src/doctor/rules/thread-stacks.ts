import type { Finding } from '../../report/doctor.ts';
import { formatBytes } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences } from '../finding.ts';
import { STACKS_BYTES_MIN } from '../thresholds.ts';

/** Stacks that have become large, or many. */
export function threadStacks({ stats, system }: Examined): Finding[] {
  const bytes = stats.resident?.rows.find(({ name }) => name === 'thread-stacks')?.bytes ?? 0;
  if (bytes < STACKS_BYTES_MIN) return [];
  const threads = system?.threads ?? null;
  return [
    finding({
      kind: 'thread-stacks',
      severity: 'note',
      certainty: 'certain',
      title: `The stacks of its ${threads === null ? '' : `${threads} `}threads take ${formatBytes(bytes)}.`,
      evidence: { bytes, ...(threads === null ? {} : { threads }) },
      cause: sentences(
        threads !== null &&
          threads >= 100 &&
          'So many threads are rarely needed: each also has a heap of its own, if it is a worker.',
        'A stack that was deep once stays resident.',
      ),
      next: [
        {
          command: `memtool pressure ${stats.pid}`,
          why: 'lists the worker threads; UV_THREADPOOL_SIZE sets how many Node.js itself has',
        },
      ],
    }),
  ];
}
