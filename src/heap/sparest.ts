/**
 * Which of some ages, oldest first, to do without, so that what remains is spaced geometrically: the one whose
 * neighbours are nearest to each other in proportion. Neither the oldest nor the newest.
 */
export function sparest(ages: readonly number[]): number {
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let index = 1; index < ages.length - 1; index += 1) {
    const ratio = (ages[index - 1] ?? 0) / Math.max(1, ages[index + 1] ?? 0);
    if (ratio < least) [best, least] = [index, ratio];
  }
  return best;
}
