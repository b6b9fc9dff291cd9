import { median } from './quantile.ts';
import type { Series } from './windows.ts';

/** A heap without the garbage that waits for the next full collection. */
export interface Levelled extends Series {
  /** Full collections that were seen. */
  collections: number;
}

/** Of the samples between two full collections, as many in each half: there must be scavenges among them. */
const HALF_SAMPLES_MIN = 8;

/**
 * A heap is a sawtooth upon a sawtooth: scavenges empty the young generation every few seconds, and what they promote stays, dead
 * or alive, until a full collection. Until then a heap rises, leak or not; only what it falls to tells. Which fall is which cannot
 * be seen from the figures, since a scavenge may free more than a full collection does; so the collections are counted. Between
 * them the floor rises at a pace, the median over all of them, and by that each sample is lowered: the floors that are
 * left are all as if a full collection had just been. Samples before the first one are left out.
 *
 * @param fullCounts - How many there had been at each sample; NaN where that is not known.
 */
export function levelled({ minutes, values }: Series, fullCounts: readonly number[]): Levelled {
  const starts: number[] = [];
  let before = NaN;
  for (const index of values.keys()) {
    const count = fullCounts[index] ?? NaN;
    if (count > before) starts.push(index);
    if (!Number.isNaN(count)) before = count;
  }
  const parts = starts.map((start, place) => ({ start, end: starts[place + 1] ?? values.length }));
  const long = parts.filter(({ start, end }) => end - start >= 2 * HALF_SAMPLES_MIN);
  const paces = long.map(({ start, end }) => pace(minutes.slice(start, end), values.slice(start, end)));
  // Where most are short there are many floors, and the few long ones are not like the others.
  const perMinute = long.length > parts.length / 2 ? Math.max(0, median(paces)) : 0;
  const level: { minutes: number[]; values: number[] } = { minutes: [], values: [] };
  for (const { start, end } of parts) {
    for (let index = start; index < end; index += 1) {
      const minute = minutes[index] ?? 0;
      level.minutes.push(minute);
      level.values.push((values[index] ?? 0) - perMinute * (minute - (minutes[start] ?? 0)));
    }
  }
  return { ...level, collections: starts.length };
}

/** By how much the floor of the later half is higher, for each minute between the halves. */
function pace(minutes: readonly number[], values: readonly number[]): number {
  const half = Math.floor(values.length / 2);
  const between = (minutes[half] ?? 0) - (minutes[0] ?? 0);
  return (Math.min(...values.slice(half)) - Math.min(...values.slice(0, half))) / between;
}
