import { twoSidedP, Z_95 } from './normal.ts';
import { ascending, quantile } from './quantile.ts';
import { ranksOf } from './ranks.ts';

export interface Shift {
  /** By how much the second sample is higher: the median of all differences (Hodges & Lehmann 1963). */
  shift: number;
  /** Of 95 %. */
  low: number;
  high: number;
  /** Two-sided, by the normal approximation with the corrections for ties and continuity. */
  p: number;
}

/**
 * Wilcoxon's rank sum (Mann-Whitney): Hollander & Wolfe, Nonparametric Statistical Methods, chapter 4.
 *
 * @param varianceFactor - More than 1 where the values of a sample resemble their neighbours.
 */
export function rankSum(before: readonly number[], after: readonly number[], varianceFactor: number = 1): Shift {
  const m = before.length;
  const n = after.length;
  const total = m + n;
  const { ranks, ties } = ranksOf([...before, ...after]);
  const w = ranks.slice(m).reduce((sum, rank) => sum + rank, 0) - (n * (n + 1)) / 2;
  const tied = ties.reduce((sum, size) => sum + (size ** 3 - size), 0);
  const variance = ((m * n) / 12) * (total + 1 - tied / (total * (total - 1))) * varianceFactor;
  const away = w - (m * n) / 2;
  const z = variance > 0 ? (away - Math.sign(away) * 0.5) / Math.sqrt(variance) : 0;
  const differences = ascending(after.flatMap((late) => before.map((early) => late - early)));
  const reach = Z_95 * Math.sqrt(variance);
  const shift = quantile(differences, 0.5);
  return {
    shift,
    low: differences[Math.max(0, Math.round((m * n) / 2 - reach) - 1)] ?? shift,
    high: differences[Math.min(m * n - 1, Math.round((m * n) / 2 + reach))] ?? shift,
    p: twoSidedP(z),
  };
}
