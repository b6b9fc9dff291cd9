import { expect, test } from 'vitest';
import { renderLeaks } from '../../src/render/leaks.ts';
import type { HeapReadingReport, Leak, LeaksReport } from '../../src/report/leaks.ts';
import { AT_80, leaksOf, LOST } from './sample.ts';

const MIB = 1024 * 1024;
const HEAP: HeapReadingReport = {
  watchedSeconds: 600,
  sampleBytes: 512 * 1024,
  readAt: '2026-01-01T00:00:00.000Z',
  pauseMs: 41.2,
  liveBytes: 30 * MIB,
  unseenBytes: 12 * MIB,
  buffersLiveBytes: 8 * MIB,
  buffersUnseenBytes: 2 * MIB,
  placesLeftOut: 0,
};
const SITE: Leak = {
  manager: null,
  kind: 'growing',
  source: 'heap',
  pool: null,
  tag: null,
  stack: [
    'push',
    'set (/app/node_modules/@acme/cache/lib/store.js:12:5)',
    'grow (/app/node_modules/@acme/cache/lib/index.js:3:1)',
    '(anonymous) (/app/orders.js:40:9)',
    'remember (/app/orders.js:38:1)',
    'emit (node:events:1:2)',
  ],
  scope: null,
  count: 24,
  bytes: 12 * MIB,
  oldestAgeSeconds: 590,
  youngestAgeSeconds: 301,
  generations: 12,
  bytesPerMinute: 2 * MIB,
  verdict: 'leak',
  reason: '12 of 12 epochs have survivors, none freed since 5m ago.',
};
const HARMLESS: Leak = { ...SITE, kind: 'stale', verdict: 'cache', bytes: 3 * MIB, reason: 'It has stopped growing.' };

function report(leaks: Leak[], heap: Partial<HeapReadingReport> = {}): LeaksReport {
  const { processes, ...rest } = leaksOf(leaks);
  return {
    ...rest,
    processes: processes.map((found) => ({
      ...found,
      sampledAt: '2026-01-01T00:00:00.000Z',
      heap: { ...HEAP, ...heap },
    })),
  };
}

test('a leak of the heap is told by the functions of the application, then by the packages it went through', () => {
  expect(renderLeaks(report([SITE, HARMLESS, { ...HARMLESS, bytes: 1000 }]), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      VERDICT  KIND     POOL  TAG               COUNT     BYTES  OLDEST
      leak     growing  heap  @acme/cache: set     24  12.0 MiB  9m 50s
              12 of 12 epochs have survivors, none freed since 5m ago.
              at (anonymous) (/app/orders.js:40:9)
              at remember (/app/orders.js:38:1)
              in the package @acme/cache: set (lib/store.js:12:5)
      cache    stale    heap  @acme/cache: set     48   3.0 MiB  9m 50s
              It has stopped growing.
              at (anonymous) (/app/orders.js:40:9)
              at remember (/app/orders.js:38:1)
              in the package @acme/cache: set (lib/store.js:12:5)
      total                                        72  15.0 MiB

      Heap: watched for 10m, one sample every 512.0 KiB. 30.0 MiB of what lives came
      in that time; 12.0 MiB is older or V8's own, and not seen. Of buffers 8.0 MiB
      came from Buffer's own functions in that time, 2.0 MiB from before or
      elsewhere. The reading held the main thread up for 42 ms at most.

      What leaks on the heap only the program can let go of: look where the places
      named keep what they make. \`memtool leaks 4242 --retainers\` names what keeps
      it alive; it stops the program for seconds, and asks before."
  `);
});

test('what was watched for less than the age is not called free of leaks, and what to type is said', () => {
  const text = renderLeaks(report([], { watchedSeconds: 20 }), AT_80);
  expect(text).not.toContain('nothing that was sampled on the heap');
  expect(text).toContain('`memtool leaks 4242 --age 10` tells what can be told now');
  expect(text).toContain('`memtool leaks 4242 --wait`');
});

test('a reading of some time ago says so', () => {
  expect(renderLeaks(report([SITE], { readAt: '2025-12-31T23:59:50.000Z' }), AT_80)).toContain('10s ago');
});

test('without anything, both are named', () => {
  expect(renderLeaks(report([]), AT_80)).toContain(
    'No leaks: nothing is lost or orphaned, and nothing in a pool has been held,\n  and nothing that was sampled on the heap has lived for longer than 5m.',
  );
});

test('beside rows of one manager, those of the heap make no second', () => {
  const text = renderLeaks(report([LOST, SITE]), AT_80);
  expect(text).not.toContain('MANAGER');
  expect(text).toContain('memtool cleanup 4242');
  expect(text).toContain('memtool leaks 4242 --retainers');
});
