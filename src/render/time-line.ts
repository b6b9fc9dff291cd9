const STEPS = '▁▂▃▄▅▆▇█';

export interface Point {
  /** In any unit. */
  at: number;
  value: number | null;
}

/**
 * A line of blocks: one column a stretch of time, the most that there was in it, from 0 to the greatest of all. Where there
 * are no figures for longer than a column, it is empty; for as long as one, clocks are not so exact.
 *
 * @param from - Where the first column begins, in the unit of the points
 */
export function timeLine(points: readonly Point[], from: number, to: number, width: number): string {
  const columns = Array.from<number | null>({ length: width }).fill(null);
  for (const { at, value } of points) {
    if (value === null || at < from || at > to) continue;
    const column = to > from ? Math.min(width - 1, Math.floor(((at - from) / (to - from)) * width)) : width - 1;
    columns[column] = Math.max(columns[column] ?? 0, value);
  }
  for (let column = 1; column < width - 1; column += 1) {
    if (columns[column] === null && columns[column + 1] !== null) columns[column] = columns[column - 1] ?? null;
  }
  const greatest = Math.max(...columns.map((value) => value ?? 0));
  return columns.map((value) => (value === null ? ' ' : step(value, greatest))).join('');
}

function step(value: number, greatest: number): string {
  const index = greatest <= 0 ? 0 : Math.round((Math.max(0, value) / greatest) * (STEPS.length - 1));
  return STEPS.charAt(index);
}
