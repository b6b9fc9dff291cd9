import type { Resource } from '../../report/pressure.ts';
import type { TopHistory } from '../../report/top.ts';
import { sparkline } from '../sparkline.ts';

export const RSS = 'rss';
export const HEAP = 'heap';

/** Growth is told over the last minute, as the agent does, and not before there are ten seconds of it. */
const GROWTH_MS = 60_000;
const GROWTH_MS_MIN = 10_000;
/** What varies by less, of its highest, is noise that a line from the least to the most would blow up. */
const NOISE_SHARE = 0.005;

/** The name of a resource's series. */
export function resourceKey({ kind, manager, name }: Pick<Resource, 'kind' | 'manager' | 'name'>): string {
  return `${kind}:${manager ?? ''}:${name}`;
}

/**
 * A line of the last looks, the newest at the right, one mark for every `looksPerMark` of them: which looks share a mark
 * never changes, or the line would flicker.
 */
export function trend({ looks, series }: TopHistory, key: string, width: number, looksPerMark: number): string {
  const values = series.get(key);
  if (values === undefined || width <= 0) return ' '.repeat(Math.max(0, width));
  const marks: (number | null)[] = [];
  const firstLook = looks - values.length;
  const lastMark = Math.floor((looks - 1) / looksPerMark);
  for (let mark = Math.max(0, lastMark - width + 1); mark <= lastMark; mark += 1) {
    const from = Math.max(0, mark * looksPerMark - firstLook);
    marks.push(mean(values.slice(from, Math.max(from, (mark + 1) * looksPerMark - firstLook))));
  }
  return sparkline(calmed(marks), width).padStart(width);
}

/** Bytes a minute, by least squares; `null` while nothing can be said. */
export function growthOf({ atMs, series }: TopHistory, key: string): number | null {
  const values = series.get(key);
  const lastMs = atMs.at(-1);
  if (values === undefined || lastMs === undefined) return null;
  const points = values.flatMap((value, index) => {
    const ms = atMs[index] ?? 0;
    return value === null || lastMs - ms > GROWTH_MS ? [] : [{ ms, value }];
  });
  const [first] = points;
  if (!first || points.length < 3 || lastMs - first.ms < GROWTH_MS_MIN) return null;
  const meanMs = points.reduce((sum, { ms }) => sum + ms, 0) / points.length;
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / points.length;
  const spread = points.reduce((sum, { ms }) => sum + (ms - meanMs) ** 2, 0);
  const slope = points.reduce((sum, { ms, value }) => sum + (ms - meanMs) * (value - meanValue), 0) / spread;
  return Number.isFinite(slope) ? slope * 60_000 : null;
}

function calmed(marks: (number | null)[]): (number | null)[] {
  const known = marks.filter((value) => value !== null);
  const most = Math.max(...known);
  return most - Math.min(...known) < most * NOISE_SHARE ? marks.map((value) => (value === null ? null : most)) : marks;
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
