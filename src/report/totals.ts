export interface Totals {
  count: number;
  bytes: number;
}

export function totalsOf(rows: readonly Totals[]): Totals {
  const totals: Totals = { count: 0, bytes: 0 };
  for (const { count, bytes } of rows) {
    totals.count += count;
    totals.bytes += bytes;
  }
  return totals;
}
