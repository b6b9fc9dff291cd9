import { expect, test } from 'vitest';
import { HeapReadings, type HeapReading } from '../../src/heap/heap-readings.ts';
import { profileOf } from './profiles.ts';

const MIB = 1024 * 1024;
const MAIN = 'main@file:///app/main.js';
const HANDLE = 'handle@file:///app/main.js';
const REMEMBER = 'remember@file:///app/main.js';

type Sample = { stack: string[]; ordinal: number; bytes: number };

/** A program that has one sample taken every 100 ms, and a mark every ten seconds, which is not always found. */
function readingAt(seconds: number, samples: Sample[], startedMs = 0): HeapReading {
  const last = Math.floor(seconds / 10) * 10;
  const atMarks = Array.from({ length: Math.min(12, last / 10) }, (_, index) => last - index * 10).toReversed();
  const found = atMarks.filter((second) => second % 30 !== 0);
  return {
    state: {
      owner: 'own',
      reason: null,
      sampleBytes: MIB / 2,
      startedMs,
      nowMs: startedMs + seconds * 1000,
      marks: atMarks.map((second, slot) => ({
        slot,
        atMs: startedMs + second * 1000,
        untilMs: startedMs + second * 1000,
      })),
    },
    profile: profileOf([
      ...samples,
      ...found.map((second) => ({
        stack: [`memtoolEpoch${atMarks.indexOf(second)}@`],
        ordinal: second * 10,
        bytes: 1,
      })),
      { stack: ['memtoolEpoch15@'], ordinal: seconds * 10, bytes: 1 },
    ]),
    pauseMs: 12,
    endedMs: startedMs + seconds * 1000,
    heapUsedBytes: 100 * MIB,
    arrayBuffersBytes: 0,
    buffers: null,
  };
}

function every(seconds: number, fromSecond: number, toSecond: number, stack: string[]): Sample[] {
  const count = Math.floor((toSecond - fromSecond) / seconds);
  return Array.from({ length: count }, (_, index) => ({
    stack,
    ordinal: Math.round((fromSecond + seconds * (index + 0.5)) * 10),
    bytes: MIB / 2,
  }));
}

test('rows are what is older than the age; the verdict is of all of it', () => {
  const readings = new HeapReadings();
  readings.note(readingAt(60, every(1, 0, 60, [MAIN, HANDLE])));
  const { leaks, heap } = readings.report(30) ?? {};
  expect(leaks).toMatchObject([
    { verdict: 'suspect', kind: 'growing', source: 'heap', count: 30, bytes: 15 * MIB, generations: 12 },
  ]);
  expect(leaks?.[0]?.oldestAgeSeconds).toBeCloseTo(59.5, 0);
  expect(leaks?.[0]?.stack).toEqual(['handle (/app/main.js:7:3)', 'main (/app/main.js:7:3)']);
  expect(heap).toMatchObject({ watchedSeconds: 60, liveBytes: 30 * MIB, unseenBytes: 70 * MIB, placesLeftOut: 0 });
  expect(readings.report(61)?.leaks).toEqual([]);
});

test('what an earlier reading saw and this one does not was freed', () => {
  const readings = new HeapReadings();
  readings.note(readingAt(60, every(0.5, 20, 60, [MAIN])));
  readings.note(readingAt(120, every(0.5, 80, 120, [MAIN])));
  expect(readings.report(10)?.leaks).toMatchObject([
    { verdict: 'cache', reason: 'It is turned over: 100 % of what was there freed since 1m ago.' },
  ]);
});

test('a function that was inlined into its caller half-way is one place, by its own name', () => {
  const readings = new HeapReadings();
  readings.note(
    readingAt(120, [...every(0.5, 0, 40, [MAIN, HANDLE, REMEMBER]), ...every(0.5, 40, 120, [MAIN, HANDLE])]),
  );
  expect(readings.report(1)?.leaks).toMatchObject([
    {
      verdict: 'suspect',
      stack: [expect.stringContaining('remember'), expect.stringContaining('handle'), expect.any(String)],
    },
  ]);
});

test('a cache that was filled once is not joined with what its caller goes on to do', () => {
  const readings = new HeapReadings();
  readings.note(readingAt(120, [...every(0.05, 0, 5, [MAIN, HANDLE, REMEMBER]), ...every(1, 0, 120, [MAIN, HANDLE])]));
  expect(readings.report(1)?.leaks.map(({ verdict, stack }) => [verdict, stack.length])).toEqual([
    ['suspect', 2],
    ['cache', 3],
  ]);
});

test('a sampler that was started anew begins a new watch', () => {
  const readings = new HeapReadings();
  readings.note(readingAt(60, every(1, 0, 60, [MAIN])));
  readings.note(readingAt(30, every(1, 0, 30, [MAIN]), 100_000));
  expect(readings.report(0)?.leaks).toMatchObject([{ count: 30 }]);
  expect(readings.report(0)?.leaks[0]?.reason).not.toContain('freed');
});

test('days of readings leave no more than what the last few need', () => {
  const readings = new HeapReadings();
  for (let minute = 1; minute <= 2000; minute += 1) {
    const at = minute * 60;
    readings.note(readingAt(at, [...every(3, at - 600, at, [MAIN]), ...every(60, 0, at, [HANDLE])]));
  }
  expect(readings.footprint.readings).toBeLessThanOrEqual(8);
  expect(readings.footprint.dates).toBeLessThanOrEqual(128);
  expect(readings.report(300)?.leaks.map(({ verdict, stack }) => [verdict, stack[0]])).toEqual([
    ['leak', expect.stringContaining('handle')],
    ['cache', expect.stringContaining('main')],
  ]);
});
