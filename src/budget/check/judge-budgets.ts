import type { CheckRow, CheckStatus } from '../../report/check.ts';
import type { BudgetRow } from './budget-file.ts';
import { valueOf, type MeasuredRun } from './measured.ts';
import { madOf, medianOf, toleranceBytes } from './noise.ts';

/** Measures a row against its limit and its baseline. Of several runs the median counts. */
export function judgeRow(row: BudgetRow, runs: readonly MeasuredRun[]): CheckRow {
  const values = runs.map((run) => valueOf(row, run));
  const missing = values.find((value) => 'missing' in value);
  const runsBytes = values.flatMap((value) => ('bytes' in value ? [value.bytes] : []));
  const isMissing = missing !== undefined || runsBytes.length === 0;
  const measuredBytes = isMissing ? null : medianOf(runsBytes);
  const madBytes = isMissing ? null : madOf(runsBytes);
  const tolerance = row.baseline && madBytes !== null ? toleranceBytes(row.metric, row.baseline, madBytes) : null;
  const judged = {
    name: row.name ?? null,
    phase: row.phase ?? null,
    size: row.size ?? null,
    metric: row.metric,
    pool: row.pool ?? null,
    limitBytes: row.limitBytes ?? null,
    baseline: row.baseline ?? null,
    toleranceBytes: tolerance,
    measuredBytes,
    madBytes,
    runsBytes,
  };
  return {
    ...judged,
    status: statusOf(judged),
    ...(missing && 'missing' in missing ? { reason: missing.missing } : {}),
  };
}

function statusOf(row: Omit<CheckRow, 'status'>): CheckStatus {
  const { measuredBytes, limitBytes, baseline, toleranceBytes: tolerance } = row;
  if (measuredBytes === null) return 'missing';
  if (limitBytes !== null && measuredBytes > limitBytes) return 'over';
  if (baseline !== null && measuredBytes > baseline.medianBytes + (tolerance ?? 0)) return 'above-baseline';
  return limitBytes === null && baseline === null ? 'no-limit' : 'ok';
}
