import { expect, test } from 'vitest';
import { EpochMarks } from '../../src/heap/epoch-marks.ts';

const KIB = 1024;

function watched(seconds: number, heapBytesAt: (second: number) => number): EpochMarks {
  const marks = new EpochMarks(64 * KIB, 0);
  for (let second = 1; second <= seconds; second += 1) marks.tick(second * 1000, heapBytesAt(second));
  return marks;
}

test('marks come close at first, then further apart, and are never more than sixteen', () => {
  const counts = [10, 60, 3600, 86_400].map((seconds) => {
    const marks = watched(seconds, (second) => second * 1e6);
    return marks.read(seconds * 1000).length;
  });
  expect(counts).toEqual([6, 16, 16, 16]);
});

test('of a long watch there are marks of every age', () => {
  const ages = watched(86_400, (second) => second * 1e6)
    .read(86_400_000)
    .map(({ atMs }) => 86_400 - atMs / 1000);
  for (const [from, to] of [
    [0, 20],
    [20, 300],
    [300, 3600],
    [3600, 86_400],
  ] as const) {
    expect(
      ages.some((age) => age >= from && age <= to),
      `${from} to ${to}`,
    ).toBe(true);
  }
});

test('a program that does nothing is not made to do anything: the last mark says for how long', () => {
  const marks = new EpochMarks(64 * KIB, 0);
  // It is busy for ten seconds; what the marks hold comes on top.
  let heapBytes = 0;
  for (let second = 1; second <= 600; second += 1) {
    const before = marks.count;
    if (second <= 10) heapBytes += 1e6;
    marks.tick(second * 1000, heapBytes);
    heapBytes += (marks.count - before) * 256 * KIB;
  }
  const newest = marks.read(600_000).at(-2);
  expect(newest?.atMs).toBeLessThanOrEqual(12_000);
  expect(newest?.untilMs).toBe(600_000);
});

test('what has been read is released, and what came since is kept', () => {
  const marks = watched(20, (second) => second * 1e6);
  marks.read(20_000);
  marks.tick(23_000, 9e7);
  marks.release(20_000);
  expect(marks.read(24_000).map(({ atMs }) => atMs)).toEqual([23_000, 24_000]);
});
