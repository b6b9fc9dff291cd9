import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { renderStats } from '../../src/render/stats.ts';
import { loadTheme } from '../../src/render/style.ts';
import type { PoolStats, ProcessStats, StatsReport } from '../../src/report/stats.ts';
import { AT_80, FAILURE, STATS } from './sample.ts';

const ESCAPE = '\u001b';

function statsWith(changes: Partial<ProcessStats>): StatsReport {
  return { ...STATS, processes: STATS.processes.map((found) => ({ ...found, ...changes })) };
}

test('80 columns: pools by size, totals last, then the process and what it observes', () => {
  expect(renderStats(STATS, AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      POOL   USAGE                  USED      LIMIT      PEAK  LIVE  OLDEST  REFUSED
      cache  ███████░  85.0 %   85.0 MiB  100.0 MiB  85.0 MiB    10  5m 12s        0
      temp   ███████░  98.0 %   24.5 MiB   25.0 MiB  24.5 MiB    10  5m 12s        7
      query  █░░░░░░░   6.0 %    3.0 MiB   50.0 MiB   3.0 MiB    10  5m 12s        0
      total                    112.5 MiB                         30                7

      process  CPU 3.1 %, RSS 80.0 MiB, heap 12.0 MiB of 4.0 GiB, external 2.0 MiB,
               buffers 1.0 MiB, memtool itself 1.5 MiB

      OBSERVED  USAGE                              USED  LIMIT
      duckdb                        no limit  200.0 MiB      -"
  `);
});

test('50 columns: names and the bar stay, lesser columns go', () => {
  expect(renderStats(STATS, { ...AT_80, width: 50 })).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      POOL   USAGE                       USED  REFUSED
      cache  ███████████░░  85.0 %   85.0 MiB        0
      temp   ████████████░  98.0 %   24.5 MiB        7
      query  █░░░░░░░░░░░░   6.0 %    3.0 MiB        0
      total                         112.5 MiB        7

      process  CPU 3.1 %, RSS 80.0 MiB, heap 12.0 MiB
               of 4.0 GiB, external 2.0 MiB, buffers
               1.0 MiB, memtool itself 1.5 MiB

      OBSERVED  USAGE                      USED  LIMIT
      duckdb                no limit  200.0 MiB      -"
  `);
});

test('wide: longer bars, and no more than that', () => {
  expect(renderStats(STATS, { ...AT_80, width: 200 })).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      POOL   USAGE                              USED      LIMIT      PEAK  LIVE  OLDEST  REFUSED
      cache  █████████████████░░░  85.0 %   85.0 MiB  100.0 MiB  85.0 MiB    10  5m 12s        0
      temp   ███████████████████░  98.0 %   24.5 MiB   25.0 MiB  24.5 MiB    10  5m 12s        7
      query  █░░░░░░░░░░░░░░░░░░░   6.0 %    3.0 MiB   50.0 MiB   3.0 MiB    10  5m 12s        0
      total                                112.5 MiB                         30                7

      process  CPU 3.1 %, RSS 80.0 MiB, heap 12.0 MiB of 4.0 GiB, external 2.0 MiB, buffers 1.0 MiB, memtool itself 1.5 MiB

      OBSERVED  USAGE                              USED  LIMIT
      duckdb                        no limit  200.0 MiB      -"
  `);
});

test('bars and refusals are coloured by what they mean', async () => {
  const colored = renderStats(STATS, { ...AT_80, theme: await loadTheme(true) });
  expect(colored).toMatch(new RegExp(`${ESCAPE}\\[32m█+░* +6\\.0 %`));
  expect(colored).toMatch(new RegExp(`${ESCAPE}\\[33m█+░* +85\\.0 %`));
  expect(colored).toMatch(new RegExp(`${ESCAPE}\\[31m█+░* +98\\.0 %`));
  expect(stripVTControlCharacters(colored)).toBe(renderStats(STATS, AT_80));
});

test('a process without pools says so', () => {
  expect(renderStats(statsWith({ pools: [], managers: [] }), AT_80)).toContain(
    'No pools: nothing in this process uses the memtool library yet.',
  );
});

test('what could not be had is said with its reason, once for all sections that share it', () => {
  const reason = 'the main thread is inside a native call';
  const text = renderStats(
    statsWith({
      heapUsedBytes: null,
      heapLimitBytes: null,
      unavailable: { heap: reason, external: reason, cpu: 'no /proc' },
    }),
    AT_80,
  );
  expect(text).toContain(
    '\n  heap, external unavailable: the main thread is inside a native call\n  cpu unavailable: no /proc',
  );
});

test('a manager with a limit of its own is what the total is measured against', () => {
  const managers = [
    {
      name: 'orders-api',
      limitBytes: 2 ** 28,
      usedBytes: 2 ** 27,
      usedPercent: 50,
      level: 'normal' as const,
      unrecorded: 3,
      watchedOneIn: 1,
    },
  ];
  const text = renderStats(statsWith({ managers }), AT_80);
  expect(text).toMatch(/ {2}total +█+░+ +50\.0 % .*256\.0 MiB/);
  expect(text).toContain('orders-api: 3 live allocations have no record because the table was full');
});

test('of several managers each with a limit of its own has its total', () => {
  const manager = { usedBytes: 2 ** 27, unrecorded: 0, watchedOneIn: 1, level: 'normal' as const };
  const managers = [
    { ...manager, name: 'orders-api', limitBytes: 2 ** 28, usedPercent: 50 },
    { ...manager, name: 'beta', limitBytes: null, usedPercent: null },
  ];
  const text = renderStats(statsWith({ managers }), { ...AT_80, width: 120 });
  expect(text).toMatch(/^ {2}orders-api \/ total +█+░+ +50\.0 % +112\.5 MiB +256\.0 MiB .*\n {2}total +112\.5 MiB/m);
  expect(text).not.toContain('beta / total');
});

test('names from other programs cannot steer the terminal', () => {
  expect(renderStats(statsWith({ name: 'a\u001b[2Jb\nc' }), AT_80)).toContain('a?[2Jb?c  pid 4242');
});

test('a process that failed is shown with what to do', () => {
  expect(renderStats({ ...STATS, processes: [FAILURE] }, AT_80)).toMatchInlineSnapshot(`
    "worker.js  pid 99  failed
      Process 99 (worker.js) did not answer within 5 s.
      Wait longer with --timeout 30."
  `);
});

const HEAP_SPACE = {
  manager: null,
  kind: 'heap-space',
  blockBytes: null,
  limitBytes: null,
  usedPercent: null,
  level: 'normal',
  allocations: 0,
  frees: 0,
  rejections: 0,
  live: 0,
  oldestAgeSeconds: null,
} as const;

function heapSpace(name: string, mib: number, changes: Partial<PoolStats> = {}): PoolStats {
  const bytes = mib * 1024 * 1024;
  return { ...HEAP_SPACE, name, usedBytes: bytes, reservedBytes: bytes, peakBytes: bytes, ...changes };
}

test('the heaps of worker threads come after that of the main thread, and further ones in one row', () => {
  const limitBytes = 60 * 1024 * 1024;
  const pools = [
    heapSpace('heap', 12, { limitBytes: 2 ** 32, usedPercent: 0.3 }),
    heapSpace('old_space', 9),
    heapSpace('external', 2),
    heapSpace('worker 3 (importer)', 51, { threadId: 3, limitBytes, usedPercent: 85, level: 'warning' }),
    heapSpace('worker 1', 4, { threadId: 1, limitBytes: 2 ** 32, usedPercent: 0.1 }),
    heapSpace('9 more workers', 30, { threadId: null }),
  ];
  const workers = { count: 11, heapUsedBytes: 90 * 1024 * 1024, externalBytes: 0, arrayBuffersBytes: 0 };
  expect(renderStats(statsWith({ pools, managers: [], workers }), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      No pools: nothing in this process uses the memtool library yet.

      process  CPU 3.1 %, RSS 80.0 MiB, heap 12.0 MiB of 4.0 GiB, external 2.0 MiB,
               buffers 1.0 MiB, 11 worker heaps 90.0 MiB, memtool itself 1.5 MiB

      V8                   USAGE                 USED  COMMITTED     LIMIT      PEAK
      heap                 █░░░░░░░   0.3 %  12.0 MiB   12.0 MiB   4.0 GiB  12.0 MiB
        old_space                             9.0 MiB    9.0 MiB         -   9.0 MiB
      external                                2.0 MiB    2.0 MiB         -   2.0 MiB
      worker 3 (importer)  ███████░  85.0 %  51.0 MiB   51.0 MiB  60.0 MiB  51.0 MiB
      worker 1             █░░░░░░░   0.1 %   4.0 MiB    4.0 MiB   4.0 GiB   4.0 MiB
      9 more workers                         30.0 MiB   30.0 MiB         -  30.0 MiB"
  `);
});
