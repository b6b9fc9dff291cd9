import type { Recording } from '../recording/reader.ts';
import type { Series } from '../statistics/windows.ts';

/** The time between two restarts: samples of one process. */
export interface Life {
  /** Places of the samples: the first, and the one behind the last. */
  first: number;
  end: number;
}

/** What two processes have in memory has no trend in common: the longest of them is judged. */
export function longestLife({ samples, events }: Recording): Life {
  const times = samples.timesMs;
  const starts = [0, ...events.flatMap(({ event, t }) => (event === 'restart' ? [firstAt(times, t)] : []))];
  const lives = starts.map((first, place) => ({ first, end: starts[place + 1] ?? times.length }));
  return lives.toSorted((a, b) => b.end - b.first - (a.end - a.first))[0] ?? { first: 0, end: times.length };
}

/** Of one column, what is known; minutes since the recording began. */
export function seriesOf({ samples }: Recording, column: string, { first, end }: Life): Series & { places: number[] } {
  const times = samples.timesMs;
  const figures = samples.figures(column);
  const series = { minutes: [] as number[], values: [] as number[], places: [] as number[] };
  for (let place = first; place < end; place += 1) {
    const value = figures[place] ?? NaN;
    if (Number.isNaN(value)) continue;
    series.minutes.push((times[place] ?? 0) / 60_000);
    series.values.push(value);
    series.places.push(place);
  }
  return series;
}

function firstAt(times: Float64Array, ms: number): number {
  const found = times.findIndex((time) => time >= ms);
  return found < 0 ? times.length : found;
}
