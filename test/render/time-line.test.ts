import { expect, test } from 'vitest';
import { timeLine } from '../../src/render/time-line.ts';

const values = (...list: (number | null)[]) => list.map((value, at) => ({ at, value }));

test('from 0 to the greatest, a column a stretch of time', () => {
  expect(timeLine(values(0, 1, 2, 3, 4, 5, 6, 7), 0, 7, 8)).toBe('▁▂▃▄▅▆▇█');
  expect(timeLine(values(0, 9, 0, 9, 0, 9, 0, 9), 0, 7, 4)).toBe('████');
  expect(timeLine(values(5, 5, 5), 0, 2, 3)).toBe('███');
  expect(timeLine(values(0, 0, 0), 0, 2, 3)).toBe('▁▁▁');
});

test('where there is nothing it is empty, but for a single column', () => {
  expect(
    timeLine(
      [
        { at: 0, value: 7 },
        { at: 9, value: 7 },
      ],
      0,
      9,
      10,
    ),
  ).toBe('█        █');
  expect(timeLine(values(7, null, 7), 0, 2, 3)).toBe('███');
  expect(timeLine([], 0, 9, 5)).toBe('     ');
});

test('what lies outside, or at one moment only, is no reason to fail', () => {
  expect(
    timeLine(
      [
        { at: -5, value: 9 },
        { at: 1, value: 1 },
      ],
      0,
      2,
      2,
    ),
  ).toContain('█');
  expect(timeLine([{ at: 3, value: 1 }], 3, 3, 4)).toBe('   █');
  expect(timeLine([{ at: 0, value: -1 }], 0, 1, 1)).toBe('▁');
});
