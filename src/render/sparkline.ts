const STEPS = '▁▂▃▄▅▆▇█';

/**
 * One character for each value, from the least to the most of them; a gap is a space, and what does not vary is drawn low.
 *
 * @param width - Fewer characters stand for the means of several values each.
 */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const shown = values.length <= width ? values : squeezed(values, width);
  const known = shown.filter((value) => value !== null);
  const least = Math.min(...known);
  const most = Math.max(...known);
  return shown
    .map((value) => {
      if (value === null) return ' ';
      const step = most > least ? Math.floor(((value - least) / (most - least)) * STEPS.length) : 0;
      return STEPS[Math.min(STEPS.length - 1, step)];
    })
    .join('');
}

function squeezed(values: readonly (number | null)[], width: number): (number | null)[] {
  return Array.from({ length: width }, (_, at) => {
    const part = values.slice(Math.floor((at * values.length) / width), Math.floor(((at + 1) * values.length) / width));
    const known = part.filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}
