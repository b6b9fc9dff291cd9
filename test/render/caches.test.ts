import { expect, test } from 'vitest';
import { cacheLines } from '../../src/render/caches.ts';
import { isFailure } from '../../src/report/document.ts';
import type { CacheStats, ProcessStats } from '../../src/report/stats.ts';
import { AT_80, STATS } from './sample.ts';

const CACHE: CacheStats = {
  manager: 'orders-api',
  pool: 'cache',
  name: 'order-pages',
  entries: 1042,
  maxEntries: 16_384,
  usedBytes: 48 * 1024 ** 2,
  maxBytes: 64 * 1024 ** 2,
  hits: 9213,
  misses: 412,
  hitPercent: 95.72,
  evictions: 310,
  refusals: 0,
  savedBytes: 0,
};

function withCaches(caches: CacheStats[]): ProcessStats {
  const [found] = STATS.processes;
  if (!found || isFailure(found)) throw new Error('no sample');
  return { ...found, caches };
}

test('the largest first; one that nobody has asked yet has no hit rate', () => {
  const idle = { ...CACHE, name: 'idle', hits: 0, misses: 0, hitPercent: null, usedBytes: 0, entries: 0 };
  expect(cacheLines(withCaches([idle, CACHE]), AT_80).join('\n')).toMatchInlineSnapshot(`
    "  CACHE        POOL     HITS  LOOKUPS  ENTRIES      USED     LIMIT  EVICTED
      order-pages  cache  95.7 %     9625     1042  48.0 MiB  64.0 MiB      310
      idle         cache       -        0        0       0 B  64.0 MiB      310"
  `);
});

test('what compression saves and what was refused have columns once there is any', () => {
  const busy = { ...CACHE, savedBytes: 31 * 1024 ** 2, refusals: 3 };
  expect(cacheLines(withCaches([busy]), { ...AT_80, width: 120 }).join('\n')).toMatchInlineSnapshot(`
    "  CACHE        POOL     HITS  LOOKUPS  ENTRIES      USED     LIMIT     SAVED  EVICTED  REFUSED
      order-pages  cache  95.7 %     9625     1042  48.0 MiB  64.0 MiB  31.0 MiB      310        3"
  `);
  expect(cacheLines(withCaches([busy]), AT_80).join('\n')).toMatchInlineSnapshot(`
    "  CACHE          HITS  LOOKUPS      USED     LIMIT     SAVED  EVICTED  REFUSED
      order-pages  95.7 %     9625  48.0 MiB  64.0 MiB  31.0 MiB      310        3"
  `);
});

test('none, and more than are shown', () => {
  expect(cacheLines(withCaches([]), AT_80)).toEqual([]);
  const many = Array.from({ length: 14 }, (_, index) => ({ ...CACHE, name: `c${index}` }));
  expect(cacheLines(withCaches(many), AT_80).at(-1)).toBe('  and 4 more: `memtool stats --json`');
});
