import { expect, test } from 'vitest';
import { RecordingClock } from '../../src/recording/clock.ts';
import { ColumnSet } from '../../src/recording/column-set.ts';

class Clocks {
  wallMs = 1_000_000;
  steadyMs = 500;

  pass(steadyMs: number, wallMs: number = steadyMs): void {
    this.steadyMs += steadyMs;
    this.wallMs += wallMs;
  }

  clock(startedAtMs: number, lastT?: number): RecordingClock {
    return new RecordingClock(
      startedAtMs,
      lastT,
      () => this.wallMs,
      () => this.steadyMs,
    );
  }
}

test('time goes on while the machine sleeps, and when the clock of the system is set back', () => {
  const clocks = new Clocks();
  const clock = clocks.clock(clocks.wallMs);
  clocks.pass(1000);
  expect(clock.now()).toBe(1000);
  clocks.pass(0, 3_600_000);
  expect(clock.now()).toBe(3_601_000);
  clocks.pass(1000, -7_200_000);
  expect(clock.now()).toBe(3_602_000);
  clocks.pass(1000);
  expect(clock.now()).toBe(3_603_000);
});

test('one that goes on never falls behind what is in the file', () => {
  const clocks = new Clocks();
  expect(clocks.clock(clocks.wallMs - 9000, 8000).now()).toBe(9000);
  expect(clocks.clock(clocks.wallMs + 9000, 8000).now()).toBe(8000);
});

test('a column keeps its place, new ones come at the end, and there is a bound', () => {
  const columns = new ColumnSet(['t', 'rss']);
  expect(
    columns.order(
      new Map([
        ['pool:a/b.used', 3],
        ['t', 1],
      ]),
    ),
  ).toEqual([1, null, 3]);
  expect(
    columns.order(
      new Map([
        ['rss', 2],
        ['t', 1],
      ]),
    ),
  ).toEqual([1, 2, null]);
  const many = new Map(Array.from({ length: 2000 }, (_, index) => [`pool:a/${index}.used`, index]));
  expect(columns.order(many)).toHaveLength(500);
  expect(columns.isFull).toBe(true);
});
