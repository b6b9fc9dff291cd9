import { twoSidedP } from './normal.ts';
import { ranksOf } from './ranks.ts';

export interface MannKendall {
  /** Pairs that rise less pairs that fall. */
  s: number;
  /** Of `s` without a trend, were the values independent. */
  variance: number;
}

/**
 * Mann (1945), Kendall (1975), with the variance for ties: Gilbert, Statistical Methods for Environmental Pollution
 * Monitoring (1987), equation 16.2. Of n values it compares n * (n - 1) / 2 pairs: it is meant for windows, not for samples.
 */
export function mannKendall(values: readonly number[]): MannKendall {
  const n = values.length;
  let s = 0;
  for (let later = 1; later < n; later += 1) {
    for (let earlier = 0; earlier < later; earlier += 1) {
      s += Math.sign((values[later] ?? 0) - (values[earlier] ?? 0));
    }
  }
  const tied = ranksOf(values).ties.reduce((sum, size) => sum + term(size), 0);
  return { s, variance: (term(n) - tied) / 18 };
}

/**
 * Two-sided, exactly, for values of which no two are equal: of how many of their orders `s` is as far from 0. A permutation
 * with k inversions has S = n (n - 1) / 2 - 2 k, and those with k inversions are counted as in Kendall (1975), chapter 5.
 */
export function exactTrendP(s: number, n: number): number {
  let counts = [1];
  for (let size = 2; size <= n; size += 1) {
    const longer = Array.from({ length: counts.length + size - 1 }, () => 0);
    for (const [inversions, count] of counts.entries()) {
      for (let more = 0; more < size; more += 1) longer[inversions + more] = (longer[inversions + more] ?? 0) + count;
    }
    counts = longer;
  }
  const pairs = (n * (n - 1)) / 2;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const extreme = counts.reduce(
    (sum, count, inversions) => (Math.abs(pairs - 2 * inversions) >= Math.abs(s) ? sum + count : sum),
    0,
  );
  return extreme / total;
}

/** Two-sided, with the correction for continuity; 1 where all values are equal. */
export function trendP(s: number, variance: number): number {
  return twoSidedP(trendZ(s, variance));
}

export function trendZ(s: number, variance: number): number {
  return variance > 0 ? (s - Math.sign(s)) / Math.sqrt(variance) : 0;
}

function term(size: number): number {
  return size * (size - 1) * (2 * size + 5);
}
