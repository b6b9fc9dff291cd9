import type { ReleasedLost } from '../report/leaks.ts';
import type { PoolStats } from '../report/stats.ts';
import type { MetricFacts } from './facts.ts';

// A counter that is first seen with its first event in it has, for Prometheus, not increased; and an alert can end only when
// its series goes back to zero. So both are there from the start.

/** What a ledger can always tell. */
export const LEDGER_LEAKS: MetricFacts['leaks'] = [
  { verdict: 'leak', kind: 'lost', source: 'pool', count: 0, bytes: 0 },
  { verdict: 'leak', kind: 'orphaned', source: 'pool', count: 0, bytes: 0 },
];

/** With a row for every pool. */
export function releasedOfAll(pools: readonly PoolStats[], released: readonly ReleasedLost[]): ReleasedLost[] {
  const none = pools.map(({ manager, name }) => ({ manager: manager ?? '', pool: name, count: 0, bytes: 0 }));
  return [...none, ...released];
}
