import type { CleanupRow } from '../report/cleanup.ts';

/** Rows of several threads as one list: what has the same manager, kind, pool and tag is one row. Largest first. */
export function sumRows(rows: readonly CleanupRow[]): CleanupRow[] {
  const sums = new Map<string, CleanupRow>();
  // The largest first, whose reason then stands for the others.
  for (const row of rows.toSorted((a, b) => b.bytes - a.bytes)) {
    const key = JSON.stringify([row.manager, row.kind, row.pool, row.tag]);
    const sum = sums.get(key);
    if (sum) {
      sum.count += row.count;
      sum.bytes += row.bytes;
    } else {
      sums.set(key, { ...row });
    }
  }
  return [...sums.values()].toSorted((a, b) => b.bytes - a.bytes);
}
