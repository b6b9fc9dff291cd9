import { array, assert, nat, property, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { Calendar } from '../../src/heap/calendar.ts';
import { sparest } from '../../src/heap/sparest.ts';

test('between two dates it interpolates; before the first it is the start, after the last the last', () => {
  const calendar = new Calendar(1000);
  calendar.note(100, 2000);
  calendar.note(300, 6000);
  expect([0, 50, 100, 200, 300, 400].map((ordinal) => calendar.timeOf(ordinal))).toEqual([
    1000, 1500, 2000, 4000, 6000, 6000,
  ]);
});

test('while nothing was allocated time went on, and what came after it is not dated into it', () => {
  const calendar = new Calendar(0);
  calendar.note(100, 1000);
  calendar.note(100, 61_000);
  calendar.note(200, 62_000);
  expect([100, 101, 150].map((ordinal) => calendar.timeOf(ordinal))).toEqual([1000, 61_010, 61_500]);
});

test('a date that contradicts another is none', () => {
  const calendar = new Calendar(0);
  calendar.note(100, 1000);
  calendar.note(50, 2000);
  expect(calendar.timeOf(100)).toBe(1000);
  expect(calendar.timeOf(50)).toBe(500);
});

test('times never go back, however many dates are noted, and the first and the last are kept', () => {
  assert(
    property(array(tuple(nat(50), nat(50)), { minLength: 200, maxLength: 600 }), (steps) => {
      const calendar = new Calendar(0);
      let [ordinal, ms] = [0, 0];
      for (const [more, later] of steps) calendar.note((ordinal += more), (ms += later));
      const times = Array.from({ length: ordinal + 1 }, (_, index) => calendar.timeOf(index));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(calendar.startedMs).toBe(0);
      expect(calendar.timeOf(ordinal)).toBeLessThanOrEqual(ms);
    }),
    { numRuns: 50 },
  );
});

test('of many ages those remain that are spaced in proportion', () => {
  const ages: number[] = [];
  // Every 10 s for a day.
  for (let second = 0; second < 86_400; second += 10) {
    for (let index = 0; index < ages.length; index += 1) ages[index] = (ages[index] ?? 0) + 10;
    ages.push(1);
    if (ages.length > 16) ages.splice(sparest(ages), 1);
  }
  expect(ages).toHaveLength(16);
  expect(ages[0]).toBeGreaterThan(86_000);
  // What is asked for most, five minutes, is between two that are not far.
  const older = ages.filter((age) => age >= 300).at(-1) ?? 0;
  const younger = ages.find((age) => age < 300) ?? 0;
  expect(older / younger).toBeLessThan(5);
});
