import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryPool } from '../../src/memory/pool.ts';
import type { CacheStats } from '../../src/report/stats.ts';
import { BoundedCache } from '../../src/structures/bounded-cache.ts';
import type { BoundedCacheOptions } from '../../src/structures/bounded-cache-options.ts';
import { collectUntil } from '../memory/collect.ts';
import { codeOf, makeManager, poolStats, wrong } from '../memory/make-manager.ts';
import type { ManualClock } from '../memory/manual-clock.ts';

type Options = Omit<BoundedCacheOptions<string, Buffer | string>, 'pool'>;

interface Made {
  memory: MemoryManager;
  clock: ManualClock;
  pool: MemoryPool;
  cache: BoundedCache<string, Buffer | string>;
}

function make(options: Partial<Options> = {}, poolLimit = 10_000): Made {
  const { memory, clock } = makeManager({ pools: { cache: { limit: poolLimit } } });
  const pool = memory.pool('cache');
  return { memory, clock, pool, cache: new BoundedCache({ pool, maxBytes: 1000, ...options }) };
}

function fill({ cache }: Pick<Made, 'cache'>, count: number, bytes = 100): boolean[] {
  return Array.from({ length: count }, (_, index) => cache.set(`k${index}`, Buffer.alloc(bytes)));
}

test('what is used least recently goes first, and the bytes are charged to the pool as they are held', () => {
  const { cache, pool } = make();
  expect(fill({ cache }, 10)).not.toContain(false);
  expect([cache.usedBytes, pool.usedBytes, cache.size]).toEqual([1000, 1000, 10]);
  cache.get('k0');
  expect(cache.set('next', Buffer.alloc(150))).toBe(true);
  expect([...cache.keys()]).toEqual(['next', 'k0', 'k9', 'k8', 'k7', 'k6', 'k5', 'k4', 'k3']);
  expect([cache.usedBytes, pool.usedBytes]).toEqual([950, 950]);
  expect(cache.delete('k0')).toBe(true);
  expect(cache.delete('k0')).toBe(false);
  expect(cache.set('k9', Buffer.alloc(1))).toBe(true);
  expect([cache.usedBytes, pool.usedBytes]).toEqual([751, 751]);
  cache.clear();
  expect([cache.size, cache.usedBytes, pool.usedBytes]).toEqual([0, 0, 0]);
});

test('peek and has are no use and no lookup; get is both', () => {
  const { cache } = make({ maxEntries: 2 });
  expect(cache.hitRate).toBeNull();
  fill({ cache }, 2);
  expect([cache.has('k0'), cache.peek('k0')?.length, cache.has('none'), cache.peek('none')]).toEqual([
    true,
    100,
    false,
    undefined,
  ]);
  cache.set('more', Buffer.alloc(1));
  expect([...cache.keys()]).toEqual(['more', 'k1']);
  cache.get('k1');
  cache.get('k1');
  cache.get('more');
  cache.get('none');
  expect(cache.hitRate).toBe(0.75);
  expect(cache.stats()).toEqual({
    manager: 'test',
    pool: 'cache',
    name: 'cache',
    entries: 2,
    maxEntries: 2,
    usedBytes: 101,
    maxBytes: 1000,
    hits: 3,
    misses: 1,
    hitPercent: 75,
    evictions: 1,
    refusals: 0,
    savedBytes: 0,
  });
  expect(JSON.parse(JSON.stringify(cache))).toEqual(cache.stats());
});

describe('sizes', () => {
  test('of texts and binary data are known; a text with a wide character takes two bytes for each', () => {
    const { memory } = makeManager();
    const cache = new BoundedCache<string, string | object>({ pool: memory.pool('cache'), maxBytes: 1000 });
    const sizes = [
      'abc',
      'äöü',
      'ab€',
      '',
      new Float64Array(3),
      new ArrayBuffer(5),
      new DataView(new ArrayBuffer(7)),
    ].map((value) => {
      const before = cache.usedBytes;
      cache.set(String(cache.size), value);
      return cache.usedBytes - before;
    });
    expect(sizes).toEqual([3, 3, 6, 0, 24, 5, 7]);
  });

  test('of anything else are asked for; what is no size is refused loudly and changes nothing', () => {
    const { memory } = makeManager();
    const pool = memory.pool('cache');
    const plain = new BoundedCache<string, object>({ pool, maxBytes: 1000 });
    expect(codeOf(() => plain.set('a', { id: 1 }))).toBe('MEMTOOL_INVALID_OPTION');
    let bytes = 10;
    const sized = new BoundedCache<string, object>({ pool, maxBytes: 1000, sizeOf: (_, key) => bytes + key.length });
    expect(sized.set('four', { id: 1 })).toBe(true);
    expect(sized.usedBytes).toBe(14);
    for (bytes of [-5, NaN, 0.5]) expect(codeOf(() => sized.set('four', {}))).toBe('MEMTOOL_INVALID_SIZE');
    expect(sized.get('four')).toEqual({ id: 1 });
  });
});

describe('refusals', () => {
  test('an entry larger than the cache is refused, and the old one under its key is gone', () => {
    const { cache, pool } = make();
    fill({ cache }, 2);
    expect(cache.set('k0', Buffer.alloc(1001))).toBe(false);
    expect([...cache.keys()]).toEqual(['k1']);
    expect([cache.usedBytes, pool.usedBytes, cache.stats().refusals, cache.stats().evictions]).toEqual([
      100, 100, 1, 0,
    ]);
  });

  test('when the pool is full, the cache makes room of its own first', () => {
    const { cache, memory, pool } = make({}, 1000);
    fill({ cache }, 5);
    const others = pool.reserveOrThrow(500);
    expect(cache.set('next', Buffer.alloc(150))).toBe(true);
    expect([...cache.keys()]).toEqual(['next', 'k4', 'k3', 'k2']);
    expect([cache.usedBytes, pool.usedBytes]).toEqual([450, 950]);
    expect(poolStats(memory, 'cache').rejections).toBe(0);
    others.free();
  });

  test('when even an empty cache would not make enough room, it gives up nothing', () => {
    const { cache, pool, memory } = make({}, 1000);
    fill({ cache }, 4);
    pool.reserveOrThrow(600);
    expect(cache.set('next', Buffer.alloc(401))).toBe(false);
    expect([cache.size, cache.stats().refusals, cache.stats().evictions]).toEqual([4, 1, 0]);
    expect(memory.pool('cache').usedBytes).toBe(1000);
  });

  test("the manager's own limit counts as well", () => {
    const { memory } = makeManager({ limit: 1000 });
    const pool = memory.pool('cache');
    const cache = new BoundedCache<string, Buffer>({ pool, maxBytes: 1000 });
    memory.pool('query').reserveOrThrow(500);
    expect(Array.from({ length: 9 }, (_, index) => cache.set(`k${index}`, Buffer.alloc(100)))).not.toContain(false);
    expect([cache.size, memory.usedBytes]).toEqual([5, 1000]);
  });
});

test('it is charged to its pool and to no query, whichever runs', () => {
  const { cache, memory, pool } = make();
  memory.query('q', { user: 'ana', limit: 50 }, (query) => {
    expect(cache.set('a', Buffer.alloc(100))).toBe(true);
    const inside = new BoundedCache<string, Buffer>({ pool, maxBytes: 100 });
    expect(inside.set('a', Buffer.alloc(100))).toBe(true);
    expect([query.usedBytes, query.user?.usedBytes]).toEqual([0, 0]);
    inside.close();
  });
  expect(memory.endedScopes().map(({ leftCount }) => leftCount)).toEqual([0, 0]);
  expect([cache.get('a')?.length, pool.usedBytes]).toEqual([100, 100]);
});

describe('under pressure', () => {
  test('it gives back what was not used for longest, until the pool is well below its warning', async () => {
    const { cache, memory, pool } = make({}, 1000);
    fill({ cache }, 9);
    cache.get('k0');
    const { reclaimed } = await memory.cleanup();
    expect(reclaimed).toMatchObject([{ kind: 'reclaimer', pool: 'cache', count: 1, bytes: 200 }]);
    expect([cache.usedBytes, pool.usedBytes, pool.level]).toEqual([700, 700, 'normal']);
    expect([cache.has('k0'), cache.has('k1'), cache.has('k2'), cache.has('k3')]).toEqual([true, false, false, true]);
  });

  test('it does so by itself when a level rises', async () => {
    const memory = makeManager({ pools: { cache: { limit: 1000 } }, autoCleanup: true }).memory;
    const cache = new BoundedCache<string, Buffer>({ pool: memory.pool('cache'), maxBytes: 1000 });
    const cleaned = new Promise((resolve) => memory.once('cleanup', resolve));
    fill({ cache: wrong(cache) }, 9);
    await cleaned;
    expect(cache.usedBytes).toBe(700);
  });

  test('what is too old goes before anything else', async () => {
    let nowMs = 1;
    const { memory } = makeManager({ pools: { cache: { limit: 1000 } } });
    const cache = new BoundedCache<string, Buffer>(
      { pool: memory.pool('cache'), maxBytes: 1000, ttl: '10s' },
      { now: () => nowMs },
    );
    fill({ cache: wrong(cache) }, 3);
    nowMs += 9000;
    for (let index = 3; index < 9; index += 1) cache.set(`k${index}`, Buffer.alloc(100));
    cache.get('k0');
    nowMs += 2000;
    expect([cache.has('k0'), cache.peek('k0'), cache.size, cache.usedBytes]).toEqual([false, undefined, 9, 900]);
    expect((await memory.cleanup()).reclaimed).toMatchObject([{ bytes: 300 }]);
    expect([cache.size, cache.usedBytes, cache.stats().evictions]).toEqual([6, 600, 0]);
    nowMs += 10_000;
    expect([cache.get('k8'), cache.usedBytes]).toEqual([undefined, 500]);
  });
});

describe('in reports', () => {
  test('an old cache is no leak: it is bounded, and gives back when asked', async () => {
    const { cache, clock, memory, pool } = make();
    fill({ cache }, 3);
    pool.reserveOrThrow(7, { tag: 'forgotten' });
    clock.advance(4000);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'stale', tag: 'forgotten', bytes: 7 }]);
    const forced = await memory.cleanup({ force: true });
    expect(forced.reclaimed).toMatchObject([{ tag: 'forgotten', bytes: 7 }]);
    expect([cache.usedBytes, pool.usedBytes]).toEqual([300, 300]);
    expect(poolStats(memory, 'cache').oldestAgeSeconds).toBe(4000);
  });

  test('one that was dropped without being closed is lost, and its bytes come back', async () => {
    const { memory } = makeManager();
    const pool = memory.pool('cache');
    (() => fill({ cache: new BoundedCache({ pool, maxBytes: 400, name: 'dropped' }) }, 3))();
    expect(pool.usedBytes).toBe(300);
    await collectUntil(() => memory.leaks().leaks.length > 0);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'lost', tag: 'cache:dropped', bytes: 300 }]);
    await memory.cleanup();
    expect(pool.usedBytes).toBe(0);
    expect(memory.caches().map(({ name }) => name)).not.toContain('dropped');
  });

  test('256 caches of a manager are told one by one, the others together', () => {
    const { memory, pool } = make();
    const caches = Array.from({ length: 299 }, () => new BoundedCache<string, string>({ pool, maxBytes: 10 }));
    for (const cache of caches) {
      cache.set('a', 'b');
      cache.get('a');
      cache.get('b');
    }
    const told = memory.caches();
    expect(told).toHaveLength(257);
    expect(told[256]).toMatchObject({
      name: '(others)',
      entries: 44,
      usedBytes: 44,
      maxBytes: 440,
      hits: 44,
      hitPercent: 50,
    });
    expect(told.reduce((sum: number, { usedBytes }: CacheStats) => sum + usedBytes, 0)).toBe(pool.usedBytes);
    for (const cache of caches) cache.close();
    expect([memory.caches().length, pool.usedBytes]).toEqual([1, 0]);
  });
});

describe('the end', () => {
  test('a closed cache holds nothing, finds nothing and takes nothing; closing again does nothing', () => {
    const { cache, memory, pool } = make();
    fill({ cache }, 3);
    cache[Symbol.dispose]();
    cache.close();
    expect([cache.get('k0'), cache.has('k0'), cache.delete('k0'), cache.size, cache.usedBytes]).toEqual([
      undefined,
      false,
      false,
      0,
      0,
    ]);
    cache.clear();
    expect(codeOf(() => cache.set('a', 'b'))).toBe('MEMTOOL_CLOSED');
    expect([pool.usedBytes, memory.caches()]).toEqual([0, []]);
  });

  test('once the manager is closed, what is there can be read and given back', () => {
    const { cache, memory, pool } = make();
    fill({ cache }, 3);
    memory.close();
    expect(cache.get('k0')?.length).toBe(100);
    expect(codeOf(() => cache.set('a', 'b'))).toBe('MEMTOOL_CLOSED');
    cache.close();
    expect(pool.usedBytes).toBe(0);
  });
});

test('options that make no sense are refused', () => {
  const { memory } = makeManager();
  const pool = memory.pool('cache');
  const bad: Partial<Record<keyof BoundedCacheOptions<string, string>, unknown>>[] = [
    { pool: undefined },
    { pool: 'cache' },
    { maxBytes: undefined },
    { maxBytes: 'many' },
    { maxEntries: 0 },
    { maxEntries: 1.5 },
    { name: '' },
    { ttl: 0 },
    { ttl: 'soon' },
    { sizeOf: 5 },
    { compress: { hotShare: 2 } },
    { compress: { minBytes: -1 } },
  ];
  for (const options of bad)
    expect([
      options,
      codeOf(() => new BoundedCache(wrong<BoundedCacheOptions<string, string>>({ pool, maxBytes: 100, ...options }))),
    ]).toEqual([options, 'MEMTOOL_INVALID_OPTION']);
  expect(new BoundedCache({ pool, maxBytes: '1MiB' }).maxEntries).toBe(16_384);
  expect(new BoundedCache({ pool, maxBytes: 0 }).maxEntries).toBe(1024);
});
