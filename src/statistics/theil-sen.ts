import { Z_95 } from './normal.ts';
import { ascending, median, quantile } from './quantile.ts';

export interface Slope {
  /** Units of y for each unit of x. */
  slope: number;
  /** Of 95 %. */
  low: number;
  high: number;
  /** Of the line, at x = 0. */
  intercept: number;
}

/**
 * The median of the slopes of all pairs (Theil 1950), and between which two of them the true one is with 95 % (Sen 1968;
 * Gilbert 1987, section 16.5.2). Up to 29 % of the points may be anything without moving it far. Of n points it takes
 * n * (n - 1) / 2 slopes: it is meant for windows, not for samples.
 *
 * @param varianceOfS - Of Mann-Kendall's S: what ties and autocorrelation do to the interval comes in with it.
 */
export function theilSen(xs: readonly number[], ys: readonly number[], varianceOfS: number): Slope {
  const slopes: number[] = [];
  for (let later = 1; later < xs.length; later += 1) {
    for (let earlier = 0; earlier < later; earlier += 1) {
      const width = (xs[later] ?? 0) - (xs[earlier] ?? 0);
      if (width !== 0) slopes.push(((ys[later] ?? 0) - (ys[earlier] ?? 0)) / width);
    }
  }
  const sorted = ascending(slopes);
  const slope = quantile(sorted, 0.5);
  const reach = Z_95 * Math.sqrt(varianceOfS);
  const last = sorted.length - 1;
  return {
    slope,
    low: sorted[Math.max(0, Math.round((sorted.length - reach) / 2) - 1)] ?? slope,
    high: sorted[Math.min(last, Math.round((sorted.length + reach) / 2))] ?? slope,
    intercept: median(ys) - slope * median(xs),
  };
}

/** What is left of each value without the line. */
export function residualsOf(xs: readonly number[], ys: readonly number[], { slope, intercept }: Slope): number[] {
  return ys.map((y, index) => y - intercept - slope * (xs[index] ?? 0));
}
