import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DEFAULT_THRESHOLDS,
  fallBytes,
  nextLevel,
  riseBytes,
  usedPercent,
  type Thresholds,
} from '../../src/memory/level.ts';
import { LEVELS } from '../../src/report/level.ts';

const LIMITS_MAX = 1000;

/** Percentages, as people give them. */
const thresholds = fc
  .tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }))
  .map(([one, other]): Thresholds => ({ warning: Math.min(one, other) / 100, critical: Math.max(one, other) / 100 }));

function expectRiseExact(limit: number, shares: Thresholds): void {
  for (const level of LEVELS) {
    const rise = riseBytes(level, limit, shares);
    if (LEVELS.indexOf(nextLevel(level, rise, limit, shares)) > LEVELS.indexOf(level)) {
      expect.unreachable(`${rise} of ${limit} bytes already rise above ${level} at ${JSON.stringify(shares)}`);
    }
    if (rise < limit && nextLevel(level, rise + 1, limit, shares) === level) {
      expect.unreachable(`${rise + 1} of ${limit} bytes do not rise above ${level} at ${JSON.stringify(shares)}`);
    }
  }
}

describe('a level', () => {
  test.each([
    ['normal', 79, 'normal'],
    ['normal', 80, 'warning'],
    ['normal', 94, 'warning'],
    ['normal', 95, 'critical'],
    ['warning', 75, 'warning'],
    ['warning', 74, 'normal'],
    ['warning', 95, 'critical'],
    ['critical', 90, 'critical'],
    ['critical', 89, 'warning'],
    ['critical', 75, 'warning'],
    ['critical', 74, 'normal'],
  ] as const)('coming from %s, at %i %% is %s', (previous, used, level) => {
    expect(nextLevel(previous, used, 100, DEFAULT_THRESHOLDS)).toBe(level);
  });

  test('is normal without a limit and with a limit of zero, whatever it was', () => {
    for (const previous of LEVELS) {
      expect(nextLevel(previous, 1e15, Infinity, DEFAULT_THRESHOLDS)).toBe('normal');
      expect(nextLevel(previous, 0, 0, DEFAULT_THRESHOLDS)).toBe('normal');
    }
  });

  test('falls back to normal when nothing is used, whatever the thresholds', () => {
    fc.assert(
      fc.property(thresholds, fc.constantFrom(...LEVELS), (shares, previous) => {
        expect(nextLevel(previous, 0, 100, shares)).toBe('normal');
      }),
    );
  });

  test('is settled: asked again at the same use it stays', () => {
    fc.assert(
      fc.property(thresholds, fc.constantFrom(...LEVELS), fc.nat(1000), (shares, previous, used) => {
        const level = nextLevel(previous, used, 1000, shares);
        expect(nextLevel(level, used, 1000, shares)).toBe(level);
      }),
    );
  });
});

describe('the bytes at which a level changes', () => {
  test('riseBytes is the most that keeps the level, for every limit up to 1000 bytes', () => {
    for (let limit = 1; limit <= LIMITS_MAX; limit += 1) expectRiseExact(limit, DEFAULT_THRESHOLDS);
  });

  test('riseBytes is the most that keeps the level, for all thresholds of whole percents', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), thresholds, expectRiseExact), { numRuns: 2000 });
  });

  test('fallBytes is the first below which the level falls, for all thresholds of whole percents', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), thresholds, (limit, shares) => {
        for (const level of ['warning', 'critical'] as const) {
          const fall = fallBytes(level, limit, shares);
          const [at, below] = [Math.ceil(fall), Math.ceil(fall) - 1].map((used) =>
            LEVELS.indexOf(nextLevel(level, used, limit, shares)),
          );
          expect(at).toBeGreaterThanOrEqual(LEVELS.indexOf(level));
          expect(below).toBeLessThan(LEVELS.indexOf(level));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('fallBytes is the first below which the level falls, for every limit and use up to 300 bytes', () => {
    for (let limit = 1; limit <= 300; limit += 1) {
      for (const level of LEVELS) {
        const fall = fallBytes(level, limit, DEFAULT_THRESHOLDS);
        for (let used = 0; used <= limit; used += 1) {
          const falls = LEVELS.indexOf(nextLevel(level, used, limit, DEFAULT_THRESHOLDS)) < LEVELS.indexOf(level);
          if (falls !== used < fall) expect.unreachable(`${level}: ${used} of ${limit} bytes, fallBytes ${fall}`);
        }
      }
    }
  });
});

test('usedPercent is null without a limit, and 0 or 100 with a limit of zero', () => {
  expect(usedPercent(5, Infinity)).toBeNull();
  expect(usedPercent(0, 0)).toBe(0);
  expect(usedPercent(1, 0)).toBe(100);
  expect(usedPercent(1, 3)).toBeCloseTo(33.333, 3);
});
