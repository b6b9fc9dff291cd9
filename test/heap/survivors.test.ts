import { describe, expect, test } from 'vitest';
import { judge, type Survivors } from '../../src/heap/survivors.ts';

/** Repeatable, and good enough for samples: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

const MIB = 1024 * 1024;
const MINUTES = 10;
const WATCH_MS = MINUTES * 60_000;
const RATE_PER_SECOND = 0.4;
const SEEDS = Array.from({ length: 100 }, (_, index) => index + 1);

/** How long something that is made at a time, in ms, lives; `undefined` when it is not made then. */
type Life = (ms: number, next: () => number) => number | undefined;

const PROGRAMS: Record<string, Life> = {
  leak: () => Number.POSITIVE_INFINITY,
  'a cache filled at the start': (ms) => (ms < 20_000 ? Number.POSITIVE_INFINITY : undefined),
  'a pool that ramps up for a third': (ms) => (ms < WATCH_MS / 3 ? Number.POSITIVE_INFINITY : undefined),
  'an LRU that turns over every minute': () => 60_000,
  'an LRU that turns over every four minutes': () => 240_000,
  'entries that live for two minutes on average': (_, next) => -Math.log(1 - next()) * 120_000,
  'an LRU that is full just before the end': () => WATCH_MS * 0.9,
  'entries that live for half the watch on average': (_, next) => (-Math.log(1 - next()) * WATCH_MS) / 2,
  'a memo of so many keys and no more': (ms, next) =>
    next() < Math.exp(-ms / 100_000) ? Number.POSITIVE_INFINITY : undefined,
  'the same, after its function was inlined': (ms, next) =>
    ms > 100_000 && next() < Math.exp(1 - ms / 100_000) ? Number.POSITIVE_INFINITY : undefined,
  'a batch job of a minute': (ms) => 60_000 - (ms % 60_000),
  'requests of a second': () => 1000,
};

/** Until it has been looked at again. */
const LOOKS_LIKE_A_LEAK = new Set([
  'an LRU that is full just before the end',
  'entries that live for half the watch on average',
]);

/** What is alive at the end, and became of what was alive at half-time. */
function simulate(life: Life, seed: number, readEarlier: boolean): Survivors {
  const next = random(seed);
  const made: { ms: number; diesMs: number }[] = [];
  for (let ms = 0; ms < WATCH_MS; ms += (-Math.log(1 - next()) * 1000) / RATE_PER_SECOND) {
    const lasts = life(ms, next);
    if (lasts !== undefined) made.push({ ms, diesMs: ms + lasts });
  }
  const alive = made.filter(({ diesMs }) => diesMs >= WATCH_MS);
  const half = WATCH_MS / 2;
  const there = made.filter(({ ms, diesMs }) => ms <= half && diesMs >= half);
  const samples = there
    .filter(({ ms }) => ms <= half - 6000)
    .map(({ ms, diesMs }) => ({ ms, isKept: diesMs >= WATCH_MS }));
  return {
    births: alive.map(({ ms }) => ({ ms, bytes: MIB / 2 })),
    startedMs: 0,
    nowMs: WATCH_MS,
    ...(readEarlier && samples.length > 0 ? { earlier: { ms: half, count: there.length, samples } } : {}),
  };
}

function verdicts(life: Life, readEarlier: boolean): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const seed of SEEDS) {
    const { verdict } = judge(simulate(life, seed, readEarlier));
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  return counts;
}

describe.each([true, false])('simulated programs, 100 each, an earlier reading: %s', (readEarlier) => {
  test.each(Object.entries(PROGRAMS))('%s', (name, life) => {
    const counts = verdicts(life, readEarlier);
    if (name === 'leak') expect(counts).toEqual({ [readEarlier ? 'leak' : 'suspect']: SEEDS.length });
    else if (!readEarlier && LOOKS_LIKE_A_LEAK.has(name)) expect(counts['leak']).toBeUndefined();
    else expect([counts['leak'] ?? 0, counts['suspect'] ?? 0]).toEqual([0, 0]);
  });
});

function steady(count: number, fromMs: number, toMs: number): Survivors['births'] {
  return Array.from({ length: count }, (_, index) => ({
    ms: fromMs + ((toMs - fromMs) * (index + 0.5)) / count,
    bytes: MIB / 2,
  }));
}

test('a leak says what can be checked: epochs, growth with its interval, how long, and what was freed', () => {
  const births = steady(120, 0, 360_000);
  const earlier = { ms: 180_000, count: 60, samples: births.slice(0, 58).map(({ ms }) => ({ ms, isKept: true })) };
  expect(judge({ births, startedMs: 0, nowMs: 360_000, earlier })).toEqual({
    verdict: 'leak',
    reason: '12 of 12 epochs have survivors, +10.0 MiB/min (8.2 MiB to 12.0 MiB) for 6m, none freed since 3m ago.',
    generations: 12,
    bytesPerMinute: 10 * MIB,
  });
});

test('what began late is a leak once another reading has seen that nothing of it was freed', () => {
  const births = steady(80, 300_000, 600_000);
  const late = { births, startedMs: 0, nowMs: 600_000 };
  expect(judge(late)).toMatchObject({ verdict: 'undecided', reason: expect.stringContaining('Ask again') });
  const samples = births.filter(({ ms }) => ms < 400_000).map(({ ms }) => ({ ms, isKept: true }));
  expect(judge({ ...late, earlier: { ms: 420_000, count: 32, samples } })).toMatchObject({ verdict: 'leak' });
});

test('a leak beside a cache, both made at one place, is seen by what is never turned over', () => {
  const leaked = steady(100, 0, WATCH_MS);
  const cached = steady(100, WATCH_MS - 60_000, WATCH_MS);
  const earlierMs = WATCH_MS / 2;
  const samples = [
    ...leaked.filter(({ ms }) => ms < earlierMs).map(({ ms }) => ({ ms, isKept: true })),
    ...steady(100, earlierMs - 60_000, earlierMs).map(({ ms }) => ({ ms, isKept: false })),
  ];
  const births = [...leaked, ...cached].toSorted((a, b) => a.ms - b.ms);
  expect(
    judge({ births, startedMs: 0, nowMs: WATCH_MS, earlier: { ms: earlierMs, count: 150, samples } }),
  ).toMatchObject({
    verdict: 'leak',
    reason: expect.stringMatching(/^Of this, 25\.0 MiB is not turned over as the rest is: /),
  });
});

test('a queue that is filled faster than it is emptied leaks, though each of its entries leaves at last', () => {
  // One in five is taken out, the oldest first.
  const earlierMs = WATCH_MS / 2;
  const there = steady(240, earlierMs / 5, earlierMs);
  const samples = there.filter(({ ms }) => ms < earlierMs - 6000).map(({ ms }) => ({ ms, isKept: ms > WATCH_MS / 5 }));
  const births = steady(480, WATCH_MS / 5, WATCH_MS);
  const earlier = { ms: earlierMs, count: there.length, samples };
  expect(judge({ births, startedMs: 0, nowMs: WATCH_MS, earlier })).toMatchObject({
    verdict: 'leak',
    reason: expect.stringContaining('It is filled faster than it is emptied: +24.0 MiB/min for 10m'),
  });
});

test.each([
  ['few samples', steady(5, 0, 60_000), 60_000, 'undecided', 'Too little to tell'],
  ['little watched', steady(40, 0, 9000), 9000, 'suspect', 'not been watched for long'],
  ['few samples of much', steady(8, 0, 60_000), 60_000, 'suspect', 'few samples yet'],
  ['little', steady(8, 0, 60_000).map(({ ms }) => ({ ms, bytes: 32_768 })), 60_000, 'undecided', 'little of it yet'],
] as const)('%s: no leak yet', (_, births, nowMs, verdict, reason) => {
  expect(judge({ births: [...births], startedMs: 0, nowMs })).toMatchObject({
    verdict,
    reason: expect.stringContaining(reason),
  });
});
