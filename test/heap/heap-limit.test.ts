import { expect, test } from 'vitest';
import { heapLimitBytes } from '../../src/heap/heap-limit.ts';

const GIB = 1024 ** 3;

test.each([
  ['', GIB],
  ['--max-old-space-size=150', 150 * 1024 ** 2],
  ['--max_old_space_size=150 --enable-source-maps', 150 * 1024 ** 2],
  ['--max-old-space-size 150', 150 * 1024 ** 2],
  ['--max-old-space-size=150 --max-old-space-size=200', 200 * 1024 ** 2],
  // More than V8 takes.
  ['--max-old-space-size=999999', GIB],
  ['--max-old-space-size=0', GIB],
  ['--max-old-space-size-percentage=50', GIB],
])('%j', (flags, bytes) => {
  expect(heapLimitBytes(flags, GIB)).toBe(bytes);
});
