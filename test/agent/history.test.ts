import { expect, test } from 'vitest';
import { History } from '../../src/agent/history.ts';

test('pools of one name in two managers of one name have a growth of their own, as have two threads` observed pools', () => {
  let now = 0;
  const history = new History(() => now);
  for (; now <= 20; now += 1) {
    history.note(['pool', 1, 'cache'], 1000 + now);
    history.note(['pool', 2, 'cache'], 5000);
    history.note(['observed', 1, 'duckdb', 2], 7 * now);
    history.note(['observed', 1, 'duckdb', 3], 0);
  }
  expect(history.growth(['pool', 1, 'cache']).bytesPerMinute).toBeCloseTo(60);
  expect(history.growth(['pool', 2, 'cache']).bytesPerMinute).toBeCloseTo(0);
  expect(history.peakBytes(['observed', 1, 'duckdb', 2])).toBe(140);
  expect(history.peakBytes(['observed', 1, 'duckdb', 3])).toBe(0);
});
