import { Z_95 } from './normal.ts';
import { ranksOf } from './ranks.ts';

/** Of a series with itself, so many places later: from -1 to 1; 0 of a series that does not vary. */
export function autocorrelation(values: readonly number[], lag: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const variance = centred.reduce((sum, value) => sum + value * value, 0);
  if (variance === 0) return 0;
  const shared = centred.reduce((sum, value, index) => sum + value * (centred[index + lag] ?? 0), 0);
  return shared / variance;
}

/**
 * By how much the variance of Mann-Kendall's S is larger because each value resembles those before it: Hamed & Rao, A modified
 * Mann-Kendall trend test for autocorrelated data, Journal of Hydrology 204 (1998), 182-196. From the ranks of what is left
 * without the trend; autocorrelations within 95 % of what chance gives count as none.
 *
 * @param lagMax - Of many lags some stand out by chance, and those far apart cancel those that are near: a quarter of the series
 *   (Box & Jenkins) is enough for what memory does.
 */
export function hamedRaoFactor(residuals: readonly number[], lagMax: number): number {
  const n = residuals.length;
  const { ranks } = ranksOf(residuals);
  let sum = 0;
  for (let lag = 1; lag <= Math.min(lagMax, n - 1); lag += 1) {
    const correlation = autocorrelation(ranks, lag);
    if (Math.abs(correlation) > Z_95 / Math.sqrt(n)) sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation;
  }
  return 1 + (2 / (n * (n - 1) * (n - 2))) * sum;
}
