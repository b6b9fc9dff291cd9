/**
 * Against published examples, and against the numbers of other implementations: SciPy 1.17.1, NumPy, and pyMannKendall
 * (Hussain & Mahmud, Journal of Open Source Software 4 (2019), 1556). The command is beside each.
 */
import { describe, expect, test } from 'vitest';
import { autocorrelation, hamedRaoFactor } from '../../src/statistics/autocorrelation.ts';
import { changePoint } from '../../src/statistics/change-point.ts';
import { exactTrendP, mannKendall, trendP, trendZ } from '../../src/statistics/mann-kendall.ts';
import { twoSidedP } from '../../src/statistics/normal.ts';
import { median, quantile, robustDeviation } from '../../src/statistics/quantile.ts';
import { rankSum } from '../../src/statistics/rank-sum.ts';
import { ranksOf } from '../../src/statistics/ranks.ts';
import { residualsOf, theilSen } from '../../src/statistics/theil-sen.ts';
import { NILE, YEARS } from './nile.ts';

/** Rainfall after cloud seeding against not, five years: Hollander & Wolfe (1973), table 9.1. */
const SEEDING = [1.26, 1.27, 1.12, 1.16, 1.03];

describe('Theil-Sen', () => {
  test('the slope of the cloud seeding experiment is -0.056: Hollander & Wolfe, example 9.1', () => {
    expect(theilSen([1, 2, 3, 4, 5], SEEDING, mannKendall(SEEDING).variance).slope).toBeCloseTo(-0.05625, 12);
  });

  // scipy.stats.theilslopes([1.26, 1.27, 1.12, 1.16, 1.03], [1, 2, 3, 4, 5])
  test('slope, interval and line as SciPy has them', () => {
    const { slope, low, high, intercept } = theilSen([1, 2, 3, 4, 5], SEEDING, mannKendall(SEEDING).variance);
    expect([slope, low, high, intercept]).toEqual(
      [-0.05625, -0.15, 0.04, 1.32875].map((value) => expect.closeTo(value, 9)),
    );
  });

  // scipy.stats.theilslopes(NILE, numpy.arange(100))
  test('the Nile falls by 2.6 a year, between 3.63 and 1.43', () => {
    const { slope, low, high, intercept } = theilSen(YEARS, NILE, mannKendall(NILE).variance);
    expect([slope, low, high, intercept]).toEqual(
      [-2.6, -3.627906976744186, -1.4285714285714286, 1022.2].map((value) => expect.closeTo(value, 9)),
    );
  });
});

describe('Mann-Kendall', () => {
  // pymannkendall.original_test(NILE)
  test('of the Nile, with its ties, as pyMannKendall has it', () => {
    const { s, variance } = mannKendall(NILE);
    expect(s).toBe(-1387);
    expect(variance).toBeCloseTo(112728.33333333333, 6);
    expect(trendZ(s, variance)).toBeCloseTo(-4.128066522844101, 9);
    expect(trendP(s, variance)).toBeCloseTo(3.658262921657496e-5, 9);
  });

  // scipy.stats.kendalltau([1, 2, 3, 4, 5], [1.26, 1.27, 1.12, 1.16, 1.03], method='exact').pvalue
  test('exactly, of few: the cloud seeding experiment has S = -6 and p = 0.2333', () => {
    expect(mannKendall(SEEDING).s).toBe(-6);
    expect(exactTrendP(-6, 5)).toBeCloseTo(0.23333333333333334, 12);
  });

  test('exactly: of all orders of ten values only two are as far from 0 as can be', () => {
    expect(exactTrendP(45, 10)).toBeCloseTo(2 / 3_628_800, 15);
    expect(exactTrendP(0, 10)).toBe(1);
  });

  test('values that are all equal have no trend', () => {
    const { s, variance } = mannKendall([5, 5, 5, 5]);
    expect([s, variance, trendP(s, variance)]).toEqual([0, 0, 1]);
  });
});

describe('Hamed and Rao', () => {
  // pymannkendall.hamed_rao_modification_test(NILE): var_s 241565.3569166269, z -2.8199791956451388
  test('the variance of the Nile is 2.14 times as large for its autocorrelation, as in pyMannKendall', () => {
    const { s, variance } = mannKendall(NILE);
    const residuals = residualsOf(YEARS, NILE, theilSen(YEARS, NILE, variance));
    const corrected = variance * hamedRaoFactor(residuals, 99);
    expect(corrected).toBeCloseTo(241565.3569166269, 4);
    expect(trendZ(s, corrected)).toBeCloseTo(-2.8199791956451388, 9);
    expect(trendP(s, corrected)).toBeCloseTo(0.004802676310182719, 9);
  });

  test('a series that does not vary has no autocorrelation', () => {
    expect(autocorrelation([3, 3, 3], 1)).toBe(0);
    expect(hamedRaoFactor([3, 3, 3, 3], 1)).toBe(1);
  });
});

describe('the rank sum', () => {
  /** Permeability of the human chorioamnion at term, and at 12 to 26 weeks: Hollander & Wolfe (1973), table 4.1. */
  const TERM = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
  const EARLY = [1.15, 0.88, 0.9, 0.74, 1.21];

  // scipy.stats.mannwhitneyu(EARLY, TERM, method='asymptotic').pvalue; numpy.median(numpy.subtract.outer(EARLY, TERM))
  test('of the permeability of membranes as SciPy has it', () => {
    const { shift, p } = rankSum(TERM, EARLY);
    expect(shift).toBeCloseTo(-0.305, 9);
    expect(p).toBeCloseTo(0.24462360512698333, 6);
  });

  // scipy.stats.mannwhitneyu(NILE[28:], NILE[:28], method='asymptotic').pvalue
  test('of the Nile after 1898 against before, with ties', () => {
    const { shift, low, high, p } = rankSum(NILE.slice(0, 28), NILE.slice(28));
    expect(shift).toBe(-260);
    expect(low).toBeLessThan(-260);
    expect(high).toBeLessThan(0);
    expect(p).toBeCloseTo(5.527513236924095e-10, 14);
  });

  test('more variance makes it less sure', () => {
    const once = rankSum(TERM, EARLY);
    const thrice = rankSum(TERM, EARLY, 3);
    expect(thrice.p).toBeGreaterThan(once.p);
    expect(thrice.high - thrice.low).toBeGreaterThan(once.high - once.low);
  });
});

describe('the change point', () => {
  // Of every place k from 3 to 97, the residuals of numpy.polyfit(t[:k], y[:k], 1) and of (t[k:], y[k:]) against those of all.
  test('of the Nile is after 1898, as Cobb (1978) has it, with the F ratio that NumPy gives', () => {
    const found = changePoint(YEARS, NILE);
    expect(found?.index).toBe(28);
    expect(found?.f).toBeCloseTo(12.847397987948721, 9);
  });

  test('steady growth has none', () => {
    const line = YEARS.map((year) => 5 * year);
    expect(changePoint(YEARS, line)?.f).toBe(0);
  });

  test('six points are too few', () => expect(changePoint([1, 2, 3, 4, 5, 6], [1, 1, 1, 9, 9, 9])).toBe(undefined));
});

describe('ranks and quantiles', () => {
  // scipy.stats.rankdata([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
  test('equal values share their mean rank', () => {
    expect(ranksOf([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])).toEqual({
      ranks: [4.5, 1.5, 6, 1.5, 8, 11, 3, 10, 8, 4.5, 8],
      ties: [2, 2, 3],
    });
  });

  test('a quantile lies between its neighbours, and there is none of nothing', () => {
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([])).toBeNaN();
    expect(robustDeviation([1, 2, 3, 4, 100])).toBeCloseTo(1.4826, 9);
  });

  // 2 * scipy.stats.norm.sf([1, 3.5, 8])
  test.each([
    [0, 1],
    [1, 0.31731050786291415],
    [-3.5, 0.00046525815807105003],
    [8, 1.244192114854348e-15],
  ])('two-sided p of z = %d', (z, p) => expect(Math.abs(twoSidedP(z) / p - 1)).toBeLessThan(3e-7));
});
