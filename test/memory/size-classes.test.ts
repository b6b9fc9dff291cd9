import { describe, expect, test } from 'vitest';
import { ALIGNMENT_BYTES, classTable, sizeClasses } from '../../src/memory/arena/size-classes.ts';

const BLOCK_SIZES = Array.from({ length: 13 }, (_, power) => 256 * 2 ** power);

describe.each(BLOCK_SIZES)('the classes of a block of %i bytes', (blockBytes) => {
  const classes = sizeClasses(blockBytes);
  const table = classTable(classes);

  test('are aligned, ascending, and end at half a block', () => {
    for (const [index, size] of classes.entries()) {
      expect(size % ALIGNMENT_BYTES).toBe(0);
      expect(size).toBeGreaterThan(classes[index - 1] ?? 0);
    }
    expect(classes.at(-1)).toBe(blockBytes / 2);
  });

  test('waste less than one slot of a block', () => {
    for (const size of classes) {
      const slots = Math.floor(blockBytes / size);
      expect(blockBytes - slots * size).toBeLessThan(Math.max(size, slots * ALIGNMENT_BYTES));
    }
  });

  test('the table names the smallest class that holds a size, for every size up to half a block', () => {
    let smallest = 0;
    for (let size = 0; size <= blockBytes / 2; size += 1) {
      while ((classes[smallest] ?? Infinity) < size) smallest += 1;
      const found = table[Math.ceil(size / ALIGNMENT_BYTES)];
      if (found !== smallest) expect.unreachable(`size ${size}: class ${found} instead of ${smallest}`);
    }
  });

  test('the table ends at half a block', () => {
    expect(table[blockBytes / 2 / ALIGNMENT_BYTES]).toBe(classes.length - 1);
    expect(table[blockBytes / 2 / ALIGNMENT_BYTES + 1]).toBeUndefined();
  });
});
