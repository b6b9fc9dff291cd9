import type { Finding } from '../../report/doctor.ts';
import { formatBytes } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, poolText, quoted } from '../finding.ts';
import { IDLE_BYTES_MIN, IDLE_RATIO_MIN } from '../thresholds.ts';

/** What an arena keeps of a peak. */
export function idleArenas(examined: Examined): Finding[] {
  return examined.stats.pools
    .filter(
      ({ kind, usedBytes, reservedBytes }) =>
        kind === 'pool' && reservedBytes - usedBytes >= IDLE_BYTES_MIN && reservedBytes >= usedBytes * IDLE_RATIO_MIN,
    )
    .map(({ manager, name, usedBytes, reservedBytes, peakBytes }) =>
      finding({
        kind: 'idle-arena',
        severity: 'note',
        certainty: 'likely',
        title: `The pool ${poolText(examined, manager, name)} keeps ${formatBytes(reservedBytes)} for ${formatBytes(usedBytes)} that are used.`,
        evidence: { pool: name, usedBytes, reservedBytes, peakBytes },
        cause: `It has held ${formatBytes(peakBytes)} at its peak, and keeps the room. Where a little is left in every piece of it, less can be given back.`,
        next: [
          {
            command: `memtool cleanup ${examined.stats.pid} --pool ${quoted(name)}`,
            why: 'returns what is empty to the system',
          },
        ],
        savesBytes: reservedBytes - usedBytes,
      }),
    );
}
