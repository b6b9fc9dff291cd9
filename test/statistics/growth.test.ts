import { expect, test } from 'vitest';
import { Samples, secondsToLimit } from '../../src/statistics/growth.ts';

function samples(count: number, bytesAt: (second: number) => number): Samples {
  const made = new Samples();
  for (let second = 0; second < count; second += 1) made.push(second, bytesAt(second));
  return made;
}

test('nothing is said with under ten seconds of history', () => {
  expect(samples(10, (second) => second * 100).growth(9).bytesPerMinute).toBeNull();
  expect(samples(11, (second) => second * 100).growth(10).bytesPerMinute).toBeCloseTo(6000);
});

test('a straight line gives its slope and the time to the limit', () => {
  const growth = samples(61, (second) => 1000 + second * 50).growth(60);
  expect(growth).toEqual({ bytesPerMinute: expect.closeTo(3000), isTrend: true });
  expect(secondsToLimit(growth, 4000, 10_000)).toBeCloseTo(120);
  expect(secondsToLimit(growth, 10_000, 10_000)).toBe(0);
  expect(secondsToLimit(growth, 4000, null)).toBeNull();
});

test('only the last minute counts', () => {
  const growth = samples(200, (second) => (second < 139 ? second * 1000 : 139_000)).growth(199);
  expect(growth).toEqual({ bytesPerMinute: expect.closeTo(0), isTrend: false });
});

test('shrinking and scatter foretell nothing', () => {
  const shrinking = samples(60, (second) => 10_000 - second * 10).growth(59);
  expect(shrinking.bytesPerMinute).toBeCloseTo(-600);
  expect(secondsToLimit(shrinking, 5000, 10_000)).toBeNull();
  // A saw, as a heap between collections draws it, whose least-squares slope happens to be above zero.
  const saw = samples(60, (second) => (second % 7) * 1000).growth(59);
  expect(saw.bytesPerMinute).toBeGreaterThan(0);
  expect(secondsToLimit(saw, 5000, 10_000)).toBeNull();
});

test('an agent that has not looked for a minute says nothing', () => {
  expect(samples(60, (second) => second).growth(500).bytesPerMinute).toBeNull();
});
