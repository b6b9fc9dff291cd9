import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { MemoryManager } from '../../src/memory/manager.ts';
import { BoundedCache } from '../../src/structures/bounded-cache.ts';
import type { BoundedCacheOptions } from '../../src/structures/bounded-cache-options.ts';
import { makeManager, poolStats } from '../memory/make-manager.ts';
import { settled } from './settled.ts';

const KIB = 1024;

function make(
  options: Partial<BoundedCacheOptions<string, string | Buffer>> = {},
  poolLimit = '1MiB',
): { memory: MemoryManager; cache: BoundedCache<string, string | Buffer> } {
  const { memory } = makeManager({ pools: { cache: { limit: poolLimit } } });
  const cache = new BoundedCache<string, string | Buffer>({
    pool: memory.pool('cache'),
    maxBytes: 100 * KIB,
    compress: true,
    ...options,
  });
  return { memory, cache };
}

/** 4 KiB that shrink well. */
function rows(number: number): string {
  return JSON.stringify({ number, text: 'abc'.repeat(2000) }).slice(0, 4 * KIB);
}

test('what was not used lately is compressed, before anything is evicted, and the saving is told', async () => {
  const { cache, memory } = make();
  for (let number = 0; number < 20; number += 1) cache.set(`k${number}`, rows(number));
  expect([cache.usedBytes, cache.savedBytes]).toEqual([80 * KIB, 0]);
  await settled(cache);
  // Half of `maxBytes` stays as it is: 12 of 20 entries.
  expect(cache.savedBytes).toBeGreaterThan(8 * 3.5 * KIB);
  expect(cache.usedBytes + cache.savedBytes).toBe(80 * KIB);
  expect(memory.pool('cache').usedBytes).toBe(cache.usedBytes);
  expect(memory.caches()).toMatchObject([{ entries: 20, evictions: 0, savedBytes: cache.savedBytes }]);
  // More than would have had room otherwise.
  for (let number = 20; number < 60; number += 1) {
    cache.set(`k${number}`, rows(number));
    // oxlint-disable-next-line no-await-in-loop -- as a program would: not all at once
    await settled(cache);
  }
  expect([cache.size, cache.stats().evictions]).toEqual([60, 0]);
  for (let number = 0; number < 60; number += 1) expect(cache.peek(`k${number}`)).toBe(rows(number));
});

test('any text and any Buffer come back as they were; a text with half a character too', async () => {
  const { cache } = make({ compress: { hotShare: 0 } });
  const values = {
    ascii: 'a'.repeat(3000),
    latin: 'äöü\u0000\u00ff'.repeat(700),
    wide: 'a€漢😀'.repeat(700),
    half: '\ud800x\udc00'.repeat(900),
    buffer: Buffer.alloc(3000, 'abc'),
  };
  for (const [key, value] of Object.entries(values)) cache.set(key, value);
  await settled(cache);
  expect(cache.savedBytes).toBeGreaterThan(3000 * 5 - 500);
  for (const [key, value] of Object.entries(values)) expect([key, cache.peek(key)]).toEqual([key, value]);
  for (const [key, value] of Object.entries(values)) expect([key, cache.get(key)]).toEqual([key, value]);
});

test('what is used again is kept uncompressed where there is room, and given as a copy where not', async () => {
  const { cache, memory } = make({ compress: { hotShare: 0 } });
  cache.set('a', rows(1));
  await settled(cache);
  expect(cache.usedBytes).toBeLessThan(KIB);
  expect([cache.peek('a'), cache.usedBytes < KIB]).toEqual([rows(1), true]);
  expect(cache.get('a')).toBe(rows(1));
  expect([cache.usedBytes, cache.savedBytes]).toEqual([4 * KIB, 0]);
  await settled(cache);
  expect(cache.usedBytes).toBeLessThan(KIB);
  const { usedBytes } = cache;
  const pool = memory.pool('cache');
  const others = pool.reserveOrThrow(pool.limitBytes - pool.usedBytes);
  expect(cache.get('a')).toBe(rows(1));
  await settled(cache);
  expect([cache.usedBytes, pool.usedBytes]).toEqual([usedBytes, pool.limitBytes]);
  // The pool is not asked for what it cannot give.
  expect(poolStats(memory, 'cache').rejections).toBe(0);
  others.free();
});

test('what does not shrink is tried once; what is small, or neither text nor Buffer, not at all', async () => {
  const { cache } = make({ compress: { hotShare: 0 } });
  const random = randomBytes(4 * KIB);
  cache.set('random', random);
  cache.set('small', 'a'.repeat(1023));
  await settled(cache);
  expect([cache.usedBytes, cache.savedBytes]).toEqual([4 * KIB + 1023, 0]);
  expect(cache.peek('random')).toBe(random);
  cache.set('large', 'a'.repeat(1024));
  await settled(cache);
  expect(cache.savedBytes).toBeGreaterThan(900);
});

test('input and output are charged while an entry is compressed, whatever becomes of it meanwhile', async () => {
  const { cache, memory } = make({ compress: { hotShare: 0 } });
  for (const change of [
    () => cache.get('a'),
    () => cache.delete('a'),
    () => cache.set('a', 'new'),
    () => cache.clear(),
  ]) {
    cache.set('a', Buffer.alloc(4 * KIB, 'abc'));
    const plain = cache.usedBytes;
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    while (cache.workBytes === 0) await setImmediate();
    expect(cache.workBytes).toBe(4 * KIB + Math.floor(0.9 * 4 * KIB));
    expect(cache.usedBytes).toBe(plain + cache.workBytes);
    change();
    expect(cache.usedBytes).toBeGreaterThanOrEqual(cache.workBytes);
    expect(memory.pool('cache').usedBytes).toBe(cache.usedBytes);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await settled(cache);
    expect(memory.pool('cache').usedBytes).toBe(cache.usedBytes);
  }
  expect(cache.get('a')).toBeUndefined();
  expect(cache.usedBytes).toBe(0);
});

test('closing in the middle of it gives everything back', async () => {
  const { cache, memory } = make({ compress: { hotShare: 0 } });
  cache.set('a', rows(1));
  while (cache.workBytes === 0) {
    // oxlint-disable-next-line no-await-in-loop -- until it has begun
    await setImmediate();
  }
  cache.close();
  expect(memory.pool('cache').usedBytes).toBe(0);
  while (cache.workBytes > 0) {
    // oxlint-disable-next-line no-await-in-loop -- until it has ended
    await setImmediate();
  }
  expect([memory.pool('cache').usedBytes, cache.usedBytes]).toEqual([0, 0]);
});

test('a manager that was closed is no reason to fail: nothing is compressed any more', async () => {
  const { cache, memory } = make({ compress: { hotShare: 0 } });
  cache.set('a', rows(1));
  memory.close();
  await settled(cache);
  expect([cache.peek('a'), cache.savedBytes]).toEqual([rows(1), 0]);
});

test('under pressure it compresses first, and evicts only what is still missing', async () => {
  const { cache, memory } = make({ compress: { hotShare: 1 } }, '100KiB');
  for (let number = 0; number < 21; number += 1) cache.set(`k${number}`, rows(number));
  await settled(cache);
  expect([cache.usedBytes, cache.savedBytes]).toEqual([84 * KIB, 0]);
  const { reclaimed } = await memory.cleanup();
  expect([cache.size, cache.stats().evictions]).toEqual([21, 0]);
  expect(cache.usedBytes).toBeLessThan(75 * KIB);
  expect(reclaimed).toMatchObject([{ kind: 'reclaimer', bytes: cache.savedBytes }]);
  // Of what does not shrink, something must go.
  for (let number = 0; number < 10; number += 1) cache.set(`r${number}`, randomBytes(4 * KIB));
  await settled(cache);
  await memory.cleanup();
  expect(cache.usedBytes).toBeLessThanOrEqual(75 * KIB);
});

test('what a query puts in is compressed after it, and outside of it', async () => {
  const { cache, memory } = make({ compress: { hotShare: 0 } });
  await memory.query('q', { limit: 10 }, async (query) => {
    cache.set('a', rows(1));
    await settled(cache);
    expect([query.usedBytes, query.peakBytes]).toEqual([0, 0]);
  });
  expect(cache.savedBytes).toBeGreaterThan(3 * KIB);
});

test('entries keep their age when they are compressed and used again', async () => {
  let nowMs = 1;
  const { memory } = makeManager();
  const cache = new BoundedCache<string, string>(
    { pool: memory.pool('cache'), maxBytes: 100 * KIB, ttl: 10, compress: { hotShare: 0 } },
    { now: () => nowMs },
  );
  cache.set('a', rows(1));
  nowMs += 4000;
  await settled(cache);
  nowMs += 4000;
  expect(cache.get('a')).toBe(rows(1));
  await settled(cache);
  nowMs += 1900;
  expect(cache.has('a')).toBe(true);
  nowMs += 200;
  expect([cache.has('a'), cache.get('a'), cache.usedBytes, cache.savedBytes]).toEqual([false, undefined, 0, 0]);
});

test('what sizeOf counts beside the value is charged on', async () => {
  const { cache } = make({
    compress: { hotShare: 0 },
    sizeOf: (value: string | Buffer, key: string) => value.length + key.length + 100,
  });
  cache.set('four', 'a'.repeat(4 * KIB));
  await settled(cache);
  expect(cache.usedBytes).toBeGreaterThan(104);
  expect(cache.usedBytes).toBeLessThan(204);
  expect(cache.usedBytes + cache.savedBytes).toBe(4 * KIB + 104);
});
