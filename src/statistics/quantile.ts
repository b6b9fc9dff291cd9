/** Of values in ascending order, between the two nearest where it falls between them; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** In any order; NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5);
}

export function ascending(values: readonly number[]): number[] {
  // Typed arrays are sorted as numbers, without a call for each comparison.
  return Array.from(Float64Array.from(values).toSorted());
}

/** Median absolute deviation, as a standard deviation: times 1.4826, which makes it one of normal values. */
export function robustDeviation(values: readonly number[]): number {
  const centre = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - centre)));
}
