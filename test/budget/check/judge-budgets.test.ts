import { describe, expect, test } from 'vitest';
import type { BudgetRow } from '../../../src/budget/check/budget-file.ts';
import { growthPerMinute, type RssSample } from '../../../src/budget/check/growth.ts';
import { judgeRow } from '../../../src/budget/check/judge-budgets.ts';
import type { MeasuredRun } from '../../../src/budget/check/measured.ts';
import { limitFor, madOf, medianOf } from '../../../src/budget/check/noise.ts';

const MIB = 1024 ** 2;

function run(rssPeakBytes: number): MeasuredRun {
  return {
    measurement: { rssPeakBytes, rssEndBytes: 0, heapUsedBytes: 0, pools: [], phases: [] },
    samples: [],
  };
}

function row(changes: Partial<BudgetRow>): BudgetRow {
  return {
    name: undefined,
    phase: undefined,
    size: undefined,
    metric: 'peakRss',
    pool: undefined,
    limitBytes: undefined,
    baseline: undefined,
    ...changes,
  };
}

function series(seconds: number, bytesAt: (second: number) => number): RssSample[] {
  return Array.from({ length: seconds * 4 + 1 }, (_, index) => ({ seconds: index / 4, bytes: bytesAt(index / 4) }));
}

/** Normal noise, always the same. */
function gauss(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

test('the median of an odd and an even number of runs, and their MAD', () => {
  // The example of Wikipedia's article on the median absolute deviation.
  expect(medianOf([1, 1, 2, 2, 4, 6, 9])).toBe(2);
  expect(madOf([1, 1, 2, 2, 4, 6, 9])).toBe(1);
  expect(medianOf([1, 2, 10, 20])).toBe(6);
});

test('of several runs the median counts: one that was disturbed is no failure', () => {
  const judged = judgeRow(row({ limitBytes: 100 * MIB }), [run(90 * MIB), run(300 * MIB), run(91 * MIB)]);
  expect(judged).toMatchObject({ measuredBytes: 91 * MIB, madBytes: MIB, status: 'ok' });
});

test('exactly the limit is within it', () => {
  expect(judgeRow(row({ limitBytes: 5 }), [run(5)]).status).toBe('ok');
  expect(judgeRow(row({ limitBytes: 5 }), [run(6)]).status).toBe('over');
  expect(judgeRow(row({}), [run(6)]).status).toBe('no-limit');
});

describe('against a baseline', () => {
  const baseline = { medianBytes: 100 * MIB, madBytes: MIB, runs: 5 };

  test('noise is tolerated as far as it was measured, on either side', () => {
    // 4 x 1.4826 MiB.
    expect(judgeRow(row({ baseline }), [run(105.9 * MIB)]).status).toBe('ok');
    expect(judgeRow(row({ baseline }), [run(106 * MIB)]).status).toBe('above-baseline');
    const noisy = [run(100 * MIB), run(106 * MIB), run(110 * MIB)];
    expect(judgeRow(row({ baseline }), noisy)).toMatchObject({ status: 'ok', madBytes: 4 * MIB });
  });

  test('runs that agreed by luck leave 2 %; pools are counted and leave nothing', () => {
    const lucky = { ...baseline, madBytes: 0 };
    expect(judgeRow(row({ baseline: lucky }), [run(102 * MIB)]).status).toBe('ok');
    expect(judgeRow(row({ baseline: lucky }), [run(102.1 * MIB)]).status).toBe('above-baseline');
    const measured = run(0);
    measured.measurement.pools.push({ manager: 'a', name: 'cache', peakBytes: 101, usedBytes: 0 });
    const exact = row({ metric: 'poolPeak', pool: 'cache', baseline: { medianBytes: 100, madBytes: 0, runs: 5 } });
    expect(judgeRow(exact, [measured]).status).toBe('above-baseline');
  });

  test('200 checks of a program that has not changed, with 3 % of noise: at most 2 % fail; 98 % are found when it takes a third more', () => {
    const noise = gauss(7);
    const measure = (median: number, count: number): MeasuredRun[] =>
      Array.from({ length: count }, () => run(Math.round((median + 3 * noise()) * MIB)));
    const fails = (median: number): number =>
      Array.from({ length: 200 }).filter(() => {
        const first = measure(100, 5).map(({ measurement }) => measurement.rssPeakBytes);
        const found = { medianBytes: medianOf(first), madBytes: madOf(first), runs: 5 };
        return judgeRow(row({ baseline: found }), measure(median, 3)).status !== 'ok';
      }).length;
    expect(fails(100)).toBeLessThanOrEqual(4);
    expect(fails(133)).toBeGreaterThanOrEqual(196);
  });
});

test('a limit that is written has a tenth of head-room, more where it varies, and none above 0', () => {
  expect(limitFor([100, 100, 100])).toBe(110);
  expect(limitFor([80, 90, 100])).toBe(160);
  expect(limitFor([0, 0])).toBe(0);
  expect(limitFor([-50])).toBe(0);
});

describe('growth', () => {
  test('is told to the minute, without the start', () => {
    expect(growthPerMinute(series(30, (second) => (second < 5 ? second * 50 * MIB : 250 * MIB + second * MIB)))).toBe(
      60 * MIB,
    );
  });

  test('a sawtooth and a single jump are none', () => {
    expect(Math.abs(growthPerMinute(series(40, (second) => 100 * MIB + (second % 2) * MIB)) ?? NaN)).toBeLessThan(
      MIB / 2,
    );
    expect(growthPerMinute(series(40, (second) => (second > 38 ? 200 * MIB : 100 * MIB)))).toBe(0);
  });

  test('under ten seconds nothing is said', () => {
    expect(growthPerMinute(series(9, () => 1))).toBeUndefined();
    expect(growthPerMinute([])).toBeUndefined();
  });
});
