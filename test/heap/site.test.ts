import { expect, test } from 'vitest';
import { formatFrame, readFrame } from '../../src/heap/frame.ts';
import { packageOf } from '../../src/report/source-file.ts';
import { readSamples } from '../../src/heap/live-samples.ts';
import { groupBySite } from '../../src/heap/site.ts';
import { profileOf } from './profiles.ts';

const MAIN = 'main@file:///app/main.js';
const HANDLE = 'handle@file:///app/main.js';
const CACHE = 'set@file:///app/node_modules/@acme/cache/index.js';
const TIMERS = 'listOnTimeout@node:internal/timers';

function sitesOf(stacks: string[][]): { key: string; ordinals: number[] }[] {
  const samples = stacks.map((stack, index) => ({ stack, ordinal: index + 1, bytes: 10 }));
  return groupBySite(readSamples(profileOf(samples)).stacks)
    .map(({ key, samples: found }) => ({
      key,
      ordinals: found.map(({ ordinal }) => ordinal).toSorted((a, b) => a - b),
    }))
    .toSorted((a, b) => a.key.localeCompare(b.key));
}

test('a frame has its place from 1, its path, and whose code it is', () => {
  const frame = readFrame({
    functionName: '',
    scriptId: '1',
    url: 'file:///a%20b/x.js',
    lineNumber: 0,
    columnNumber: 9,
  });
  expect([formatFrame(frame), frame.origin]).toEqual(['(anonymous) (/a b/x.js:1:10)', 'application']);
  expect(packageOf('/app/node_modules/a/node_modules/@acme/cache/lib/x.js')).toBe('@acme/cache');
  expect(packageOf('/app/src/x.js')).toBeNull();
  expect(readFrame({ functionName: 'f', scriptId: '1', url: 'node:fs', lineNumber: 0, columnNumber: 0 }).origin).toBe(
    'internal',
  );
});

test('stacks that differ only in how the place was called, or in what Node did for it, are one site', () => {
  expect(
    sitesOf([
      [MAIN, HANDLE],
      [TIMERS, HANDLE],
      [MAIN, HANDLE, 'push'],
      [MAIN, HANDLE, 'setTimeout@node:timers'],
      [MAIN],
    ]),
  ).toEqual([
    { key: expect.stringContaining('handle'), ordinals: [1, 2, 3, 4] },
    { key: expect.stringContaining('main'), ordinals: [5] },
  ]);
});

test('what a package allocates is told apart by who called it', () => {
  const sites = sitesOf([
    [MAIN, CACHE],
    [HANDLE, CACHE],
    [MAIN, CACHE],
  ]);
  expect(sites.map(({ ordinals }) => ordinals)).toEqual([[2], [1, 3]]);
});

test('marks are taken out and found by their slot, also where their function was not inlined', () => {
  const { stacks, marks } = readSamples(
    profileOf([
      { stack: ['memtoolEpoch3@', 'fill@', 'from'], ordinal: 40, bytes: 1 },
      { stack: ['memtoolEpoch3@'], ordinal: 42, bytes: 1 },
      { stack: ['memtoolEpoch15@'], ordinal: 50, bytes: 1 },
      { stack: [MAIN], ordinal: 41, bytes: 1 },
    ]),
  );
  expect([...marks]).toEqual(
    expect.arrayContaining([
      [3, 42],
      [15, 50],
    ]),
  );
  expect(stacks.map(({ samples }) => samples)).toEqual([[{ ordinal: 41, bytes: 1 }]]);
});
