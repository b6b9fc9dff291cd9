import type { TopHistory } from '../../report/top.ts';

/** Six minutes at an interval of two seconds. */
export const LOOKS_MAX = 180;
/** A process may have more pools and workers than anybody looks at. */
export const SERIES_MAX = 64;

export const EMPTY_HISTORY: TopHistory = { looks: 0, atMs: [], series: new Map() };

/** What was not measured this time has a gap; what has been nothing but gaps is forgotten. */
export function withLook(history: TopHistory, atMs: number, figures: ReadonlyMap<string, number | null>): TopHistory {
  const before = history.atMs.length;
  const kept = (values: readonly (number | null)[], value: number | null): (number | null)[] =>
    [...values, value].slice(-LOOKS_MAX);
  const series = new Map<string, readonly (number | null)[]>();
  for (const key of new Set([...figures.keys(), ...history.series.keys()])) {
    if (series.size === SERIES_MAX) break;
    const values = kept(
      history.series.get(key) ?? Array.from({ length: before }, () => null),
      figures.get(key) ?? null,
    );
    if (values.some((value) => value !== null)) series.set(key, values);
  }
  return { looks: history.looks + 1, atMs: [...history.atMs, atMs].slice(-LOOKS_MAX), series };
}
