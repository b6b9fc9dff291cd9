/** Every slot starts at a multiple of this, so that a typed array of any element may lie over it. */
export const ALIGNMENT_BYTES = 16;

/**
 * The slot sizes that a block is divided into: four steps a doubling, each stretched to the largest slot of which as many
 * still fit the block. As a rule under 20 % of a slot is lost to rounding, a third just above a third of the block.
 */
export function sizeClasses(blockBytes: number): number[] {
  const classes: number[] = [];
  let previousCount = Infinity;
  for (let wanted = ALIGNMENT_BYTES; wanted <= blockBytes / 2; wanted += step(wanted)) {
    const count = Math.floor(blockBytes / wanted);
    if (count === previousCount) continue;
    previousCount = count;
    classes.push(Math.floor(blockBytes / count / ALIGNMENT_BYTES) * ALIGNMENT_BYTES);
  }
  return classes;
}

function step(size: number): number {
  return Math.max(ALIGNMENT_BYTES, 2 ** Math.floor(Math.log2(size)) / 4);
}

/** For each multiple of 16 up to half a block, the index of the smallest class that holds it. */
export function classTable(classes: readonly number[]): Uint8Array {
  const largest = classes.at(-1) ?? 0;
  const table = new Uint8Array(largest / ALIGNMENT_BYTES + 1);
  let index = 0;
  for (let unit = 0; unit < table.length; unit += 1) {
    if (unit * ALIGNMENT_BYTES > (classes[index] ?? 0)) index += 1;
    table[unit] = index;
  }
  return table;
}
