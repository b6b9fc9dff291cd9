import { describe, expect, test } from 'vitest';
import { levelled } from '../../src/statistics/collections.ts';
import { trendOf, type Trend } from '../../src/statistics/trend.ts';
import { windowsOf, type Series } from '../../src/statistics/windows.ts';
import { dailyCycle, randomFrom, sawtooth, warmUp, whiteNoise } from '../bench/simulated-series.ts';

const MIB = 1024 * 1024;
const TEN_MINUTES = { minutes: 10, sampleSeconds: 1 };

function series(count: number, value: (index: number) => number, secondsApart: number = 1): Series {
  const minutes = Array.from({ length: count }, (_, index) => (index * secondsApart) / 60);
  return { minutes, values: minutes.map((_, index) => value(index)) };
}

function ofLevels(given: Series): Trend {
  return trendOf(given, { reduction: 'median' });
}

/** Made up, and the same in every run. */
function noise(index: number): number {
  return MIB * (randomFrom(index + 1)() - 0.5);
}

describe('what is called growing', () => {
  test('1 MiB a minute in noise, with an interval that has the true slope in it', () => {
    const found = trendOf(whiteNoise(randomFrom(1), { ...TEN_MINUTES, bytesPerMinute: 4 * MIB }), {
      reduction: 'median',
    });
    expect(found).toMatchObject({ verdict: 'growing', cause: 'steady' });
    expect(found.fit?.low).toBeLessThan(4 * MIB);
    expect(found.fit?.high).toBeGreaterThan(4 * MIB);
  });

  test('a heap that leaks 1 MiB a minute among garbage', () => {
    const heap = sawtooth(randomFrom(2), { ...TEN_MINUTES, bytesPerMinute: MIB });
    const found = trendOf(heap, heap);
    expect(found.verdict).toBe('growing');
    expect(Math.abs((found.fit?.slope ?? 0) / MIB - 1)).toBeLessThan(0.4);
  });

  test('what grows after a warm-up of another pace, which is cut off', () => {
    const found = ofLevels(
      series(900, (index) => 50 * MIB + Math.min(index, 240) * 0.3 * MIB + index * 0.02 * MIB + noise(index)),
    );
    expect(found.verdict).toBe('growing');
    expect(found.warmUpMinute).toBeGreaterThan(3);
    expect(found.warmUpMinute).toBeLessThan(6);
    expect(Math.abs((found.fit?.slope ?? 0) / MIB - 1.2)).toBeLessThan(0.2);
  });

  test('falling is called shrinking', () => {
    expect(ofLevels(series(600, (index) => 90 * MIB - index * 0.05 * MIB + noise(index))).verdict).toBe('shrinking');
  });
});

describe('what is not', () => {
  test.each([
    ['noise', 'settled', 'noise', (index: number) => 80 * MIB + noise(index)],
    ['a constant', 'settled', 'noise', () => 80 * MIB],
    ['a step in warm-up', 'settled', 'noise', (index: number) => (index < 150 ? 40 : 80) * MIB + noise(index)],
    ['0.6 % in ten minutes', 'settled', 'slight', (index: number) => 80 * MIB + (index / 600) * 0.5 * MIB],
    ['a step at the end', 'not-enough', 'step', (index: number) => (index < 480 ? 40 : 80) * MIB + noise(index)],
    [
      'a cache that fills',
      'not-enough',
      'slowing',
      (index: number) => 40 * MIB + 40 * MIB * (1 - Math.exp(-index / 240)),
    ],
    ['a cycle', 'settled', 'noise', (index: number) => 80 * MIB + 20 * MIB * Math.sin(index / 40) + noise(index)],
  ])('%s is %s (%s)', (_, verdict, cause, value) => {
    expect(ofLevels(series(600, value))).toMatchObject({ verdict, cause });
  });

  test('the day of a service, from whatever hour on', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const day = dailyCycle(randomFrom(seed), { minutes: 1440, sampleSeconds: 60, bytesPerMinute: 0 });
      expect(ofLevels(day).verdict).not.toBe('growing');
    }
  });

  test('warm-up, in a step or gradual', () => {
    const verdicts = Array.from(
      { length: 20 },
      (_, seed) => ofLevels(warmUp(randomFrom(seed + 100), { ...TEN_MINUTES, bytesPerMinute: 0 })).verdict,
    );
    expect(verdicts.filter((verdict) => verdict === 'growing')).toEqual([]);
  });

  test('a heap that rises until its first full collection', () => {
    const rising = series(600, (index) => 30 * MIB + index * 0.02 * MIB);
    expect(trendOf(rising, { reduction: 'floor' })).toMatchObject({ verdict: 'not-enough', cause: 'uncollected' });
    const doubled = series(600, (index) => 30 * MIB + index * 0.2 * MIB);
    expect(trendOf(doubled, { reduction: 'floor' }).verdict).toBe('growing');
  });

  test.each([
    ['29 samples', series(29, (index) => index * MIB, 60)],
    ['two minutes', series(120, (index) => index * MIB)],
    ['nothing', series(0, () => 0)],
    ['one time only', series(100, (index) => index * MIB, 0)],
  ])('%s: too short', (_, given) => expect(ofLevels(given)).toMatchObject({ verdict: 'not-enough', cause: 'short' }));
});

describe('windows', () => {
  test('a gap has none, and floors and medians stand at the middle of theirs', () => {
    const given: Series = { minutes: [0, 1, 2, 3, 8, 9, 10], values: [5, 1, 9, 4, 7, 3, 8] };
    expect(windowsOf(given, 5, 'floor')).toEqual({ minutes: [1, 3, 9], values: [1, 4, 3] });
    expect(windowsOf(given, 5, 'median')).toEqual({ minutes: [1, 3, 9], values: [3, 6.5, 7] });
  });
});

describe('a heap without what waits for the next full collection', () => {
  test('has the same floor at every time', () => {
    const counts = Array.from({ length: 120 }, (_, index) => Math.floor(index / 20));
    const saw = series(120, (index) => 100 + 2 * (index % 20));
    const { values, collections } = levelled(saw, counts);
    expect(collections).toBe(5);
    expect(new Set(values.map(Math.round))).toEqual(new Set([100]));
  });

  test('without counts nothing is known', () => {
    expect(
      levelled(
        series(10, () => 1),
        [],
      ),
    ).toEqual({ minutes: [], values: [], collections: 0 });
  });
});
