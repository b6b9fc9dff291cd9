import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, poolText } from '../finding.ts';
import { OVERSIZED_LIMIT_BYTES_MIN, OVERSIZED_PEAK_SHARE_MAX, OVERSIZED_UPTIME_SECONDS } from '../thresholds.ts';

/** Limits that bound nothing, since nobody ever came near. */
export function oversizedPools(examined: Examined): Finding[] {
  const { stats } = examined;
  if (stats.uptimeSeconds < OVERSIZED_UPTIME_SECONDS) return [];
  const found = stats.pools.filter(
    ({ kind, limitBytes, peakBytes, allocations }) =>
      kind === 'pool' &&
      allocations > 0 &&
      limitBytes !== null &&
      limitBytes >= OVERSIZED_LIMIT_BYTES_MIN &&
      peakBytes < limitBytes * OVERSIZED_PEAK_SHARE_MAX,
  );
  const [first] = found;
  if (first === undefined) return [];
  const named = found.map(
    ({ manager, name, peakBytes, limitBytes }) =>
      `${poolText(examined, manager, name)} (${formatBytes(peakBytes)} of ${formatBytes(limitBytes ?? 0)})`,
  );
  return [
    finding({
      kind: 'oversized-pool',
      severity: 'note',
      certainty: 'certain',
      title: `In ${formatSeconds(stats.uptimeSeconds)} ${found.length === 1 ? 'a pool has' : `${found.length} pools have`} never used a quarter of ${found.length === 1 ? 'its limit' : 'their limits'}: ${named.join(', ')}.`,
      evidence: {
        pools: found.map(({ name }) => name).join(', '),
        peakBytes: first.peakBytes,
        limitBytes: first.limitBytes ?? 0,
      },
      cause: 'A limit so far away stops a runaway late. It costs no memory by itself.',
      next: [
        {
          command: null,
          why: `Twice the peak is a limit that is noticed: ${formatBytes(first.peakBytes * 2)} for ${first.name}. memory.setLimit changes it while the program runs.`,
        },
      ],
    }),
  ];
}
