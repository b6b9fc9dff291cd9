import { hamedRaoFactor } from './autocorrelation.ts';
import { exactTrendP, mannKendall, trendP } from './mann-kendall.ts';
import { residualsOf, theilSen, type Slope } from './theil-sen.ts';
import { windowsOf, type Reduction, type Series, type Windows } from './windows.ts';

/** A line through windows, and how sure it is. */
export interface Fit extends Slope {
  windows: Windows;
  /** What is left without the line. */
  residuals: number[];
  /** Of Mann-Kendall's test, two-sided. */
  p: number;
  /** By how much autocorrelation makes the variance larger. */
  varianceFactor: number;
}

/** Into how many windows a recording is divided. Fewer are longer, and reach from one full garbage collection to the next. */
const WINDOW_COUNTS = [40, 28, 20, 14, 10];
/** A window's floor or median of fewer is hardly one. */
const SAMPLES_PER_WINDOW_MIN = 3;

/** Up to so many points the normal approximation is not good enough far from the middle. */
const EXACT_MAX = 12;

export function fitWindows(windows: Windows): Fit {
  const { minutes, values } = windows;
  const { s, variance } = mannKendall(values);
  const first = theilSen(minutes, values, variance);
  // Negative autocorrelation would make the test surer than it is without; that is not believed.
  const varianceFactor = Math.max(
    1,
    hamedRaoFactor(residualsOf(minutes, values, first), Math.floor(values.length / 4)),
  );
  const slope = theilSen(minutes, values, variance * varianceFactor);
  const isExact = varianceFactor === 1 && values.length <= EXACT_MAX && new Set(values).size === values.length;
  return {
    ...slope,
    windows,
    residuals: residualsOf(minutes, values, slope),
    p: isExact ? exactTrendP(s, values.length) : trendP(s, variance * varianceFactor),
    varianceFactor,
  };
}

/** The division that leaves the least doubt of the slope, whatever the slope is. */
export function fitSeries(series: Series, reduction: Reduction): Fit | undefined {
  return surest(divisions(series, reduction));
}

function divisions(series: Series, reduction: Reduction): Windows[] {
  return WINDOW_COUNTS.filter((count) => series.values.length >= count * SAMPLES_PER_WINDOW_MIN).map((count) =>
    windowsOf(series, count, reduction),
  );
}

function surest(divided: Windows[]): Fit | undefined {
  return divided.map(fitWindows).toSorted((a, b) => a.high - a.low - (b.high - b.low))[0];
}
