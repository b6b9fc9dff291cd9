import type { MetricFacts } from './facts.ts';

/** What a ledger can always tell: a series that is there from the start has a zero before its first leak, and after its last. */
export const LEDGER_LEAKS: MetricFacts['leaks'] = [
  { verdict: 'leak', kind: 'lost', source: 'pool', count: 0, bytes: 0 },
  { verdict: 'leak', kind: 'orphaned', source: 'pool', count: 0, bytes: 0 },
];
