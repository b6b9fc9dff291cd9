import type { Baseline, Metric } from './budget-file.ts';

/** Makes the median absolute deviation comparable to a standard deviation, where the noise is normal. */
const MAD_TO_SIGMA = 1.4826;
/**
 * Of programs that have not changed, with normal noise of 1 to 5 %, a baseline of 5 runs and 3 runs now, 0.2 to 1.0 % are taken
 * for worse (20,000 simulated); with 3 runs on both sides 0.7 to 2.9 %: hence five for a baseline.
 */
const SIGMAS = 4;
/**
 * Of a few runs the MAD may be 0 by luck; the collector and the allocator never repeat themselves to the byte. Pools do.
 */
const LEAST_SHARE = 0.02;
/** What a limit that is written leaves for the program to change. */
const HEADROOM_SHARE = 0.1;

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : Math.round((upper + (sorted[middle - 1] ?? upper)) / 2);
}

/** Median of the distances from the median. */
export function madOf(values: readonly number[]): number {
  const median = medianOf(values);
  return medianOf(values.map((value) => Math.abs(value - median)));
}

/** By how much a median may be above its baseline, in bytes. */
export function toleranceBytes(metric: Metric, baseline: Baseline, madBytes: number): number {
  return Math.ceil(
    Math.max(
      SIGMAS * MAD_TO_SIGMA * Math.max(baseline.madBytes, madBytes),
      isExact(metric) ? 0 : Math.abs(baseline.medianBytes) * LEAST_SHARE,
    ),
  );
}

/** A limit for what was measured: a tenth above the largest, or more where it varies more; 0 stays 0. */
export function limitFor(values: readonly number[]): number {
  const largest = Math.max(0, ...values);
  return Math.ceil(largest + Math.max(largest * HEADROOM_SHARE, SIGMAS * MAD_TO_SIGMA * madOf(values)));
}

/** Counted to the byte, and not measured. */
function isExact(metric: Metric): boolean {
  return metric === 'poolPeak' || metric === 'notFreed';
}
