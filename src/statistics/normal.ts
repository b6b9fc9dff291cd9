/** Standard normal: 95 % lie within this many deviations. */
export const Z_95 = 1.959964;

/**
 * The chance of being at least so far from 0 on either side, for a standard normal variable: erfc(|z| / sqrt 2), by the
 * Chebyshev fit of Press et al., Numerical Recipes in C (1992), section 6.2; its relative error is below 1.2e-7.
 */
export function twoSidedP(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = terms.reduceRight((sum, term) => sum * t + term, 0);
  return Math.min(1, t * Math.exp(polynomial - x * x));
}
