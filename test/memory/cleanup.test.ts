import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { MemoryPool } from '../../src/memory/pool.ts';
import type { Reclaimer } from '../../src/memory/reclaimers.ts';
import { collectAll, collectUntil } from './collect.ts';
import { codeOf, makeManager, poolStats, wrong } from './make-manager.ts';

function makePools() {
  const { memory, clock } = makeManager({
    pools: { small: { limit: 100 }, other: { limit: 1000 }, eager: { staleAfter: 60 } },
  });
  return { memory, clock, pool: memory.pool('small'), other: memory.pool('other'), eager: memory.pool('eager') };
}

function forget(pool: MemoryPool, bytes: number, tag: string): void {
  pool.reserveOrThrow(bytes, { tag });
}

describe('cleanup', () => {
  test('what was lost stays known after it was released', async () => {
    const { memory } = makeManager();
    forget(memory.pool('cache'), 300, 'forgotten');
    await collectUntil(() => memory.leaks().totals.count === 1);
    expect(memory.leaks().released).toEqual([]);
    await memory.cleanup();
    expect(memory.leaks()).toMatchObject({
      leaks: [],
      released: [{ manager: 'test', pool: 'cache', count: 1, bytes: 300 }],
    });
  });

  test('releases what is lost and leaves what is stale, with the reason', async () => {
    const { memory, clock, pool } = makePools();
    const kept = pool.reserveOrThrow(20, { tag: 'kept' });
    forget(pool, 10, 'forgotten');
    await collectAll();
    clock.advance(301);
    const { reclaimed, left } = await memory.cleanup();
    expect(reclaimed).toEqual([
      { manager: 'test', kind: 'lost', pool: 'small', tag: 'forgotten', count: 1, bytes: 10 },
    ]);
    expect(left).toMatchObject([
      { kind: 'stale', pool: 'small', tag: 'kept', count: 1, bytes: 20, reason: expect.stringContaining('--force') },
    ]);
    expect(kept.isHeld).toBe(true);
    expect(pool.usedBytes).toBe(20);
  });

  test('of one pool leaves the others alone', async () => {
    const { memory, clock, pool, other } = makePools();
    forget(pool, 10, 'a');
    forget(other, 20, 'b');
    await collectAll();
    clock.advance(301);
    await memory.cleanup({ pool: 'other', force: true });
    expect([pool.usedBytes, other.usedBytes]).toEqual([10, 0]);
  });

  test('takes with force what is older than the age, and nothing as old as the age', async () => {
    const { memory, clock, pool } = makePools();
    const old = pool.reserveOrThrow(10);
    clock.advance(1);
    const young = pool.reserveOrThrow(5);
    clock.advance(30);
    await memory.cleanup({ force: true, ageSeconds: 30 });
    expect([old.isHeld, young.isHeld, pool.usedBytes]).toEqual([false, true, 5]);
  });

  test('changes nothing in a dry run, and then does what that foresaw', async () => {
    const { memory, clock, pool } = makePools();
    pool.reserveOrThrow(20, { tag: 'old' });
    forget(pool, 10, 'forgotten');
    await collectAll();
    clock.advance(301);
    const before = memory.stats();
    const foreseen = await memory.cleanup({ dryRun: true, force: true });
    expect(memory.stats()).toEqual(before);
    expect(await memory.cleanup({ force: true })).toEqual(foreseen);
    expect(pool.usedBytes).toBe(0);
  });

  test('of an unknown pool or a wrong age is refused', async () => {
    const { memory } = makePools();
    await expect(memory.cleanup({ pool: 'none' })).rejects.toMatchObject({ code: 'MEMTOOL_UNKNOWN_POOL' });
    for (const ageSeconds of [NaN, -1]) {
      // oxlint-disable-next-line no-await-in-loop -- two of them
      await expect(memory.cleanup({ ageSeconds })).rejects.toMatchObject({ code: 'MEMTOOL_INVALID_OPTION' });
      expect(codeOf(() => memory.leaks({ ageSeconds }))).toBe('MEMTOOL_INVALID_OPTION');
    }
  });

  test('takes what is stale in a pool with staleAfter without being asked, from the others never', async () => {
    const { memory, clock, pool, eager } = makePools();
    const events: string[] = [];
    memory.on('cleanup', ({ reclaimed }) =>
      events.push(reclaimed.map(({ kind, pool: name }) => `${kind} ${name}`).join()),
    );
    const held = pool.reserveOrThrow(10);
    const loose = eager.reserveOrThrow(10);
    clock.advance(60);
    await setImmediate();
    expect(loose.isHeld).toBe(true);
    clock.advance(12);
    await setImmediate();
    expect([held.isHeld, loose.isHeld]).toEqual([true, false]);
    expect(events).toEqual(['stale eager']);
    expect(poolStats(memory, 'eager')).toMatchObject({ usedBytes: 0, live: 0 });
  });
});

describe('a reclaimer', () => {
  test('is asked for what brings the pool 5 points below its warning threshold, then the next for the rest', async () => {
    const asked: number[] = [];
    const { reclaimed } = await reclaim(
      (target) => (asked.push(target), 4),
      async (target) => (asked.push(target), target),
      (target) => (asked.push(target), 1),
    );
    expect(asked).toEqual([15, 11]);
    expect(reclaimed).toMatchObject([{ kind: 'reclaimer', pool: 'small', count: 2, bytes: 15 }]);
  });

  test.each<[string, Reclaimer, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      /broken/,
    ],
    ['rejects', async () => Promise.reject(new Error('later')), /later/],
    [
      'throws what has no text',
      () => {
        throw Object.create(null);
      },
      /failed/,
    ],
    ['returns a text', () => wrong<number>('5'), /returned 5/],
    ['returns nothing', () => wrong<number>(undefined), /undefined/],
    ['returns NaN', () => NaN, /NaN/],
    ['returns a negative number', () => -5, /-5/],
    ['returns what has no text', () => wrong<number>(Object.create(null)), /reclaimer/],
  ])('that %s is reported and the next is asked all the same', async (_, bad, reason) => {
    const { reclaimed, left, held } = await reclaim(bad, () => 20);
    expect(left).toMatchObject([{ kind: 'reclaimer', pool: 'small', reason: expect.stringMatching(reason) }]);
    expect(reclaimed).toMatchObject([{ kind: 'reclaimer', count: 1, bytes: 20 }]);
    expect(held.isHeld).toBe(true);
  });

  test('that never answers is waited for in bounds, and the next is asked', async () => {
    const { reclaimed, left } = await reclaim(
      async () => new Promise<number>(() => undefined),
      () => 20,
    );
    expect(left).toMatchObject([{ reason: expect.stringContaining('no answer') }]);
    expect(reclaimed).toMatchObject([{ bytes: 20 }]);
  });

  test('is not asked after it was taken out, nor when its pool is not under pressure', async () => {
    const { memory, pool, other } = makePools();
    let asked = 0;
    const stop = memory.onReclaim('small', () => (asked += 1));
    memory.onReclaim('other', () => (asked += 100));
    pool.reserveOrThrow(90);
    other.reserveOrThrow(100);
    stop();
    stop();
    await memory.cleanup();
    expect(asked).toBe(0);
    expect(codeOf(() => memory.onReclaim('none', () => 0))).toBe('MEMTOOL_UNKNOWN_POOL');
  });
});

async function reclaim(...reclaimers: Reclaimer[]) {
  const { memory, pool } = makePools();
  const held = pool.reserveOrThrow(90);
  for (const reclaimer of reclaimers) memory.onReclaim('small', reclaimer);
  const outcome = await memory.cleanup();
  return { ...outcome, pool, held };
}
