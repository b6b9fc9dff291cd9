import { median } from './quantile.ts';

/** Samples in the order of their times, which need not be evenly apart. */
export interface Series {
  minutes: readonly number[];
  values: readonly number[];
}

/**
 * What stands for a window. `floor`: the least, which is what a garbage collection left, of what rises and falls with the
 * collector. `median`: of everything else.
 */
export type Reduction = 'floor' | 'median';

/** One value a window, at the middle of its time. */
export interface Windows {
  minutes: number[];
  values: number[];
}

/** A window with less than this share of the samples of the fullest one is left out: a gap, or the end. */
const FULL_SHARE = 1 / 3;

/**
 * Divides a series into windows of equal length. What is next to each other in memory resembles each other; windows that are
 * long enough do not, and a day of samples becomes few enough to compare every pair.
 */
export function windowsOf({ minutes, values }: Series, count: number, reduction: Reduction): Windows {
  const start = minutes[0] ?? 0;
  const width = ((minutes.at(-1) ?? start) - start) / count;
  const held: number[][] = Array.from({ length: count }, () => []);
  for (const [index, minute] of minutes.entries()) {
    const value = values[index];
    if (value !== undefined) held[Math.min(count - 1, Math.floor((minute - start) / width))]?.push(value);
  }
  const fullest = Math.max(...held.map(({ length }) => length));
  const windows: Windows = { minutes: [], values: [] };
  for (const [index, inside] of held.entries()) {
    if (inside.length === 0 || inside.length < fullest * FULL_SHARE) continue;
    windows.minutes.push(start + (index + 0.5) * width);
    windows.values.push(reduction === 'floor' ? Math.min(...inside) : median(inside));
  }
  return windows;
}

export function seriesFrom({ minutes, values }: Series, startMinute: number): Series {
  const first = minutes.findIndex((minute) => minute >= startMinute);
  return first <= 0 ? { minutes, values } : { minutes: minutes.slice(first), values: values.slice(first) };
}
