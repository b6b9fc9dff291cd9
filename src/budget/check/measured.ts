import type { Measurement } from '../../protocol.ts';
import type { BudgetRow } from './budget-file.ts';
import { growthPerMinute, type RssSample } from './growth.ts';

/** One run of a command. */
export interface MeasuredRun {
  measurement: Measurement;
  /** Of its RSS, while it ran. */
  samples: RssSample[];
}

/** Bytes, or why there are none. */
export type Value = { bytes: number } | { missing: string };

/** What a run has to say of a row. */
export function valueOf(row: BudgetRow, { measurement, samples }: MeasuredRun): Value {
  if (row.phase !== undefined) return phaseValue(row, row.phase, measurement);
  switch (row.metric) {
    case 'peakRss':
      return { bytes: measurement.rssPeakBytes };
    case 'endRss':
      return { bytes: measurement.rssEndBytes };
    case 'heapAfterGc':
      return { bytes: measurement.heapUsedBytes };
    case 'growthPerMinute': {
      const bytes = growthPerMinute(samples);
      return bytes === undefined ? { missing: 'it ran for under ten seconds, too short to tell growth' } : { bytes };
    }
    case 'poolPeak':
      return ofPools(row, measurement.pools, ({ peakBytes }) => peakBytes);
    case 'notFreed':
      return ofPools(row, measurement.pools, ({ usedBytes }) => usedBytes);
  }
}

/** Of several managers' phases of one name, all together. */
function phaseValue(row: BudgetRow, name: string, { phases }: Measurement): Value {
  const found = phases.filter((phase) => phase.name === name && phase.runs > 0);
  if (found.length === 0) return { missing: `no phase of that name has ended` };
  switch (row.metric) {
    case 'heapAfterGc':
      return { bytes: Math.max(...found.map(({ heapUsedBytes: [, after] }) => after)) };
    case 'poolPeak':
      return ofPools(
        row,
        found.flatMap(({ pools }) => pools),
        ({ peakBytes }) => peakBytes,
      );
    case 'notFreed':
      if (row.pool === undefined) {
        return { bytes: found.reduce((sum, { notFreedMaxBytes }) => sum + notFreedMaxBytes, 0) };
      }
      return ofPools(
        row,
        found.flatMap(({ pools }) => pools),
        ({ notFreedBytes }) => notFreedBytes,
      );
    case 'peakRss':
    case 'endRss':
    case 'growthPerMinute':
      return { missing: 'that is known of the whole program only' };
  }
}

function ofPools<Pool extends { name: string }>(row: BudgetRow, pools: Pool[], bytesOf: (pool: Pool) => number): Value {
  const found = pools.filter(({ name }) => row.pool === undefined || name === row.pool);
  if (found.length === 0) {
    return { missing: row.pool === undefined ? 'the program has no pools' : `there was no pool ${row.pool}` };
  }
  return { bytes: found.reduce((sum, pool) => sum + bytesOf(pool), 0) };
}
