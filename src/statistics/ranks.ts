export interface Ranks {
  /** From 1; those that are equal share their mean rank. */
  ranks: number[];
  /** How many are equal, of each value that is there more than once. */
  ties: number[];
}

export function ranksOf(values: readonly number[]): Ranks {
  const order = values.map((_, index) => index).toSorted((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = values.map(() => 0);
  const ties: number[] = [];
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    while (end < order.length && values[order[end] ?? 0] === values[order[first] ?? 0]) end += 1;
    for (const index of order.slice(first, end)) ranks[index] = (first + end + 1) / 2;
    if (end - first > 1) ties.push(end - first);
    first = end;
  }
  return { ranks, ties };
}
