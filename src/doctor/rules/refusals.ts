import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, poolText } from '../finding.ts';
import { REFUSALS_MIN, REFUSALS_SHARE_MIN } from '../thresholds.ts';

/** Pools that had to say no. */
export function refusals(examined: Examined): Finding[] {
  const { pid } = examined.stats;
  return examined.stats.pools
    .filter(({ rejections }) => rejections >= REFUSALS_MIN)
    .map((pool) => ({ pool, share: pool.rejections / (pool.rejections + pool.allocations) }))
    .filter(({ share }) => share >= REFUSALS_SHARE_MIN)
    .map(({ pool: { manager, name, rejections, allocations, limitBytes, peakBytes }, share }) => {
      const isPoolFull = limitBytes !== null && peakBytes >= limitBytes * 0.9;
      return finding({
        kind: 'refusals',
        severity: 'warning',
        certainty: 'certain',
        title: `The pool ${poolText(examined, manager, name)} has refused ${rejections} of ${rejections + allocations} requests since the start (${formatPercent(share * 100)}).`,
        evidence: { pool: name, rejections, allocations, ...(limitBytes === null ? {} : { limitBytes }), peakBytes },
        cause: isPoolFull
          ? `It has been full: its peak is ${formatBytes(peakBytes)} of ${formatBytes(limitBytes)}.`
          : 'The pool itself was never full: the limit of a query, a user, or of all pools together was, or more was asked for than fits at once.',
        next: [
          isPoolFull
            ? {
                command: `memtool leaks ${pid} --age 0`,
                why: 'says who holds it; if all of that is needed, the limit is too low',
              }
            : {
                command: `memtool stats ${pid} --scopes 20 --sort peak`,
                why: 'shows which scopes came to their limits',
              },
        ],
      });
    });
}
