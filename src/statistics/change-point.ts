/** Fewer points determine no line of their own. */
const SEGMENT_MIN = 3;

export interface ChangePoint {
  /** The first point of the second segment. */
  index: number;
  /** How much better two lines fit than one, as an F ratio with 3 and n - 5 degrees of freedom. */
  f: number;
}

/**
 * Where one line is best replaced by two that need not meet: two-phase regression, Lund & Reeves, Detection of undocumented
 * changepoints, Journal of Climate 15 (2002), 2547-2554. A test for a change of the level alone (Pettitt 1979) takes steady
 * growth for a change in its middle; this one does not.
 *
 * @returns `undefined` with fewer than 7 points. The greatest of many F ratios: it does not have an F distribution.
 */
export function changePoint(xs: readonly number[], ys: readonly number[]): ChangePoint | undefined {
  const n = xs.length;
  if (n < 2 * SEGMENT_MIN + 1) return undefined;
  const whole = squaredError(xs, ys);
  let found: ChangePoint | undefined;
  for (let index = SEGMENT_MIN; index <= n - SEGMENT_MIN; index += 1) {
    const apart = squaredError(xs.slice(0, index), ys.slice(0, index)) + squaredError(xs.slice(index), ys.slice(index));
    // Two lines that fit without error are as good as can be.
    const f = apart > 1e-9 * whole ? (whole - apart) / 3 / (apart / (n - 5)) : whole > 0 ? Infinity : 0;
    if (!found || f > found.f) found = { index, f };
  }
  return found;
}

/** Of the line that fits best by least squares. */
function squaredError(xs: readonly number[], ys: readonly number[]): number {
  const meanX = mean(xs);
  const meanY = mean(ys);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [index, x] of xs.entries()) {
    const dy = (ys[index] ?? 0) - meanY;
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * dy;
    yy += dy ** 2;
  }
  return xx > 0 ? Math.max(0, yy - xy ** 2 / xx) : yy;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
