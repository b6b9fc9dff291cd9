import { changePoint } from './change-point.ts';
import { levelled } from './collections.ts';
import { fitSeries, type Fit } from './fit.ts';
import { median, robustDeviation } from './quantile.ts';
import { theilSen } from './theil-sen.ts';
import { seriesFrom, type Reduction, type Series } from './windows.ts';

export type TrendVerdict = 'growing' | 'settled' | 'shrinking' | 'not-enough';

/** Why it is not called growth, or that it is; each has its sentence. */
export type TrendCause =
  | 'short'
  | 'steady'
  /** Mann-Kendall finds nothing. */
  | 'noise'
  /** It is there, and too small to matter. */
  | 'slight'
  /** A good part of it was lost again in between. */
  | 'swings'
  /** It had been there before, and had come back. */
  | 'returns'
  /** In one go, and hardly before or after. */
  | 'step'
  | 'slowing'
  /** Too few full garbage collections fell into it: until one comes, a heap rises in any case. */
  | 'uncollected';

export interface Trend {
  verdict: TrendVerdict;
  cause: TrendCause;
  /** What was judged; `undefined` with too little. */
  fit: Fit | undefined;
  /** Where warm-up ends and what is judged begins; `null` where nothing was cut off. */
  warmUpMinute: number | null;
  /** The largest rise that was lost again in between. */
  swing: number;
  /** Full garbage collections that were seen; `null` of what does not depend on them. */
  collections: number | null;
}

type Judgement = Pick<Trend, 'verdict' | 'cause'>;

export const SAMPLES_MIN = 30;
export const MINUTES_MIN = 3;
/** Of Mann-Kendall's test. A report has a dozen series: with 5 % one of them would cry wolf in every second report. */
const SIGNIFICANT_P = 0.004;
/** What a gain must be to matter, of the level and in itself. */
export const GAIN_SHARE_MIN: number = 0.01;
export const GAIN_BYTES_MIN: number = 64 * 1024;
/** Of the gain, how much may be lost again in between: a day's cycle loses all of it. */
const SWING_SHARE_MAX = 1 / 3;
/** And so many deviations of chance beside. */
const SWING_DEVIATIONS = 1;
/** Of the recording, how long it must have been where it goes before that counts. */
const THERE_BEFORE_SHARE = 0.1;
/** Full collections from which their floors are judged. */
export const COLLECTIONS_MIN = 7;
/** A heap rises by so much before V8 collects all of it, even a small one. */
const UNCOLLECTED_BYTES_MAX = 32 * 1024 * 1024;
/** Of the gain, how much each half of the way must bring: a step brings all of it in one. */
const HALF_SHARE_MIN = 0.1;
/** The later half's slope against the earlier one's, below which growth slows down. */
const SLOWING_RATIO = 0.5;
/** The same, behind a change of pace that stands out. */
const SLOWING_LATE_RATIO = 0.7;
/** 99 % of 20,000 series of 40 (10) independent normal values stay below 6.1 (11.2). */
const CHANGE_F_MIN = 12;
/** Of the recording, what must be left after warm-up to be judged. */
const REST_SHARE_MIN = 1 / 3;
const WARM_UPS_MAX = 3;

export interface TrendOptions {
  reduction: Reduction;
  /** Of a `floor`: how many full garbage collections there had been at each sample; NaN where that is not known. */
  fullCounts?: readonly number[];
  /** What a gain must be to matter, of the level. */
  gainShareMin?: number;
}

/** Whether a series grows: see `TrendCause` for what else it may do. */
export function trendOf(
  series: Series,
  { reduction, fullCounts = [], gainShareMin = GAIN_SHARE_MIN }: TrendOptions,
): Trend {
  const startMinute = series.minutes[0] ?? 0;
  const endMinute = series.minutes.at(-1) ?? 0;
  if (series.values.length < SAMPLES_MIN || endMinute - startMinute < MINUTES_MIN) {
    return {
      verdict: 'not-enough',
      cause: 'short',
      fit: undefined,
      warmUpMinute: null,
      swing: 0,
      collections: null,
    };
  }
  if (reduction === 'median')
    return { ...trendOfLevels(series, gainShareMin, (part) => fitSeries(part, 'median')), collections: null };
  const level = levelled(series, fullCounts);
  const { collections } = level;
  if (collections >= COLLECTIONS_MIN) {
    return { ...trendOfLevels(level, gainShareMin, (part) => fitSeries(part, 'floor')), collections };
  }
  const trend = trendOfLevels(series, gainShareMin, (part) => fitSeries(part, 'floor'));
  const isExplained = trend.verdict === 'growing' && !hasDoubled(trend.fit);
  return { ...trend, ...(isExplained ? ({ verdict: 'not-enough', cause: 'uncollected' } as const) : {}), collections };
}

/** V8 collects all of a heap before it is twice what the last collection left: beyond that, garbage alone does not explain it. */
function hasDoubled(fit: Fit | undefined): boolean {
  const first = fit?.windows.values[0] ?? 0;
  const last = fit?.windows.values.at(-1) ?? 0;
  return last - first >= Math.max(first, UNCOLLECTED_BYTES_MAX);
}

function trendOfLevels(
  series: Series,
  gainShareMin: number,
  fitPart: (part: Series) => Fit | undefined,
): Omit<Trend, 'collections'> {
  const startMinute = series.minutes[0] ?? 0;
  const endMinute = series.minutes.at(-1) ?? 0;
  const whole = fitPart(series);
  let judged = series;
  let fit = whole;
  for (let round = 0; round < WARM_UPS_MAX && fit; round += 1) {
    const restMinute = warmUpEnd(fit);
    if (restMinute === undefined || endMinute - restMinute < (endMinute - startMinute) * REST_SHARE_MIN) break;
    const rest = seriesFrom(judged, restMinute);
    const restFit = fitPart(rest);
    if (!restFit) break;
    judged = rest;
    fit = restFit;
  }
  if (!fit || !whole) {
    return { verdict: 'not-enough', cause: 'short', fit: undefined, warmUpMinute: null, swing: 0 };
  }
  const warmUpMinute = judged === series ? null : (judged.minutes[0] ?? null);
  return {
    ...reconsidered(judge(fit, whole, gainShareMin), fit, gainShareMin),
    fit,
    warmUpMinute,
    swing: swingOf(fit),
  };
}

/** A change that is too late to be cut off: what came after it has not lasted long enough to be judged by itself. */
function reconsidered(judged: Judgement, { windows: { minutes, values } }: Fit, gainShareMin: number): Judgement {
  const found = changePoint(minutes, values);
  if (!found || found.f < CHANGE_F_MIN) return judged;
  const before = values.slice(0, found.index);
  const after = values.slice(found.index);
  const early = theilSen(minutes.slice(0, found.index), before, 0).slope;
  const late = theilSen(minutes.slice(found.index), after, 0).slope;
  if (judged.verdict === 'growing' && late < SLOWING_LATE_RATIO * early)
    return { verdict: 'not-enough', cause: 'slowing' };
  const step = median(after) - median(before);
  const matters = step >= Math.max(GAIN_BYTES_MIN, gainShareMin * median(before));
  return judged.verdict === 'settled' && matters ? { verdict: 'not-enough', cause: 'step' } : judged;
}

/** Half-way between the last window of warm-up and the next. */
function warmUpEnd({ windows: { minutes, values } }: Fit): number | undefined {
  const found = changePoint(minutes, values);
  if (!found || found.f < CHANGE_F_MIN) return undefined;
  return ((minutes[found.index - 1] ?? 0) + (minutes[found.index] ?? 0)) / 2;
}

/** By how much the line rises over the time that was judged. */
export function gainOf({ slope, windows: { minutes } }: Fit): number {
  return slope * ((minutes.at(-1) ?? 0) - (minutes[0] ?? 0));
}

function judge(fit: Fit, whole: Fit, gainShareMin: number): Judgement {
  const { p, low, high, windows } = fit;
  const gain = gainOf(fit);
  const isUp = gain > 0;
  if (p > SIGNIFICANT_P || (isUp ? low <= 0 : high >= 0)) return { verdict: 'settled', cause: 'noise' };
  if (Math.abs(gain) < Math.max(GAIN_BYTES_MIN, gainShareMin * median(windows.values))) {
    return { verdict: 'settled', cause: 'slight' };
  }
  const swing = swingOf(fit);
  if (swing > Math.abs(gain) * SWING_SHARE_MAX + SWING_DEVIATIONS * robustDeviation(fit.residuals)) {
    return { verdict: swing >= Math.abs(gain) ? 'settled' : 'not-enough', cause: 'swings' };
  }
  if (wasThere(fit, whole)) return { verdict: 'not-enough', cause: 'returns' };
  if (isStep(windows.values)) return { verdict: 'not-enough', cause: 'step' };
  if (isUp && isSlowing(fit)) return { verdict: 'not-enough', cause: 'slowing' };
  return { verdict: isUp ? 'growing' : 'shrinking', cause: 'steady' };
}

/** Before what was cut off as warm-up, for a good while: then it has come back from there once, and may again. */
function wasThere(fit: Fit, whole: Fit): boolean {
  const { minutes } = fit.windows;
  const sign = Math.sign(fit.slope);
  const middle = fit.intercept + (fit.slope * ((minutes[0] ?? 0) + (minutes.at(-1) ?? 0))) / 2;
  const before = whole.windows.values.filter((_, index) => (whole.windows.minutes[index] ?? 0) < (minutes[0] ?? 0));
  const there = before.filter((value) => sign * (value - middle) >= 0).length;
  return there >= whole.windows.values.length * THERE_BEFORE_SHARE;
}

/** Against the direction of the trend; over medians of three, so that one window makes no swing. */
function swingOf({ slope, windows: { values } }: Fit): number {
  const sign = slope < 0 ? -1 : 1;
  const smooth = values
    .slice(2)
    .map((value, index) => sign * median([values[index] ?? 0, values[index + 1] ?? 0, value]));
  let highest = -Infinity;
  let swing = 0;
  for (const value of smooth) {
    highest = Math.max(highest, value);
    swing = Math.max(swing, highest - value);
  }
  return swing;
}

function isStep(values: readonly number[]): boolean {
  const third = values.length / 3;
  const levelOf = (part: number): number =>
    median(values.slice(Math.round(part * third), Math.round((part + 1) * third)));
  const first = levelOf(0);
  const middle = levelOf(1);
  const last = levelOf(2);
  const gain = last - first;
  return (middle - first) / gain < HALF_SHARE_MIN || (last - middle) / gain < HALF_SHARE_MIN;
}

/** Only where the difference stands out of the scatter: three standard errors of two slopes, each over half the time. */
function isSlowing({ windows: { minutes, values }, residuals }: Fit): boolean {
  const half = Math.floor(values.length / 2);
  const early = theilSen(minutes.slice(0, half), values.slice(0, half), 0).slope;
  const late = theilSen(minutes.slice(-half), values.slice(-half), 0).slope;
  const deviation = robustDeviation(residuals);
  const error = deviation * Math.hypot(1 / spread(minutes.slice(0, half)), 1 / spread(minutes.slice(-half)));
  return late < SLOWING_RATIO * early && early - late > 3 * error;
}

/** Root of the squared distances from the mean: what the standard error of a slope is divided by. */
function spread(xs: readonly number[]): number {
  const mean = xs.reduce((sum, x) => sum + x, 0) / xs.length;
  return Math.sqrt(xs.reduce((sum, x) => sum + (x - mean) ** 2, 0));
}
