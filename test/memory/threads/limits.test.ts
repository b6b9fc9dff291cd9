import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import { isGranted, poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { makeSides, turnEnds } from './sides.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What a thread may hold of a limited account beyond what it uses, until its turn ends. */
const HELD_BYTES_MAX: number = 128 * KIB;

function fits(memory: MemoryManager, pool: string, bytes: number): boolean {
  return isGranted(memory.pool(pool).reserve(bytes, { tag: 'x' }));
}

describe('a limit holds over all threads', () => {
  test.each([1, 7, 1000, 100_003, 3 * MIB + 1])(
    'to the last of %i bytes, once the turns of others have ended',
    async (limit) => {
      const { memory, other, third } = makeSides({ pools: { p: { limit } } });
      const sides = [memory, other, third];
      let left = limit;
      for (let turn = 0; left > 0; turn += 1) {
        const side = sides[turn % 3] ?? memory;
        const part = Math.max(1, Math.floor(left / 3));
        expect(fits(side, 'p', part), `${part} of ${left}`).toBe(true);
        left -= part;
        await turnEnds();
      }
      expect(sides.map((side) => fits(side, 'p', 1))).toEqual([false, false, false]);
      expect(sides.map((side) => side.pool('p').usedBytes)).toEqual([limit, limit, limit]);
      expect(poolStats(memory, 'p')).toMatchObject({ usedBytes: limit, peakBytes: limit, rejections: 3 });
      expect(audit(sides).problems).toEqual([]);
    },
  );

  test('of what one frees, all of it is there for another after the turn', async () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 10 * MIB } } });
    const held = Array.from({ length: 100 }, () => memory.pool('p').reserveOrThrow(100 * KIB, { tag: 'x' }));
    expect(fits(other, 'p', 241 * KIB)).toBe(false);
    for (const one of held) one.free();
    await turnEnds();
    expect(fits(other, 'p', 10 * MIB)).toBe(true);
  });

  test('a thread in a long turn holds at most 128 KiB that it does not use, whatever it takes and gives back', () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 64 * MIB } } });
    const pool = other.pool('p');
    const held: { free(): void }[] = [];
    let worst = 0;
    const look = (): void => {
      const { drawnBytes } = memory.sharing?.pool(pool.index) ?? { drawnBytes: 0 };
      worst = Math.max(worst, drawnBytes - pool.usedBytes);
    };
    for (let step = 0; step < 5000; step += 1) {
      const bytes = 1 + ((step * 7919) % (step % 50 === 0 ? 200_000 : 3000));
      held.push(pool.reserveOrThrow(bytes, { tag: 'x' }));
      look();
      if (step % 3 > 0) held.splice((step * 31) % held.length, 1)[0]?.free();
      look();
    }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThanOrEqual(HELD_BYTES_MAX);
    // The rest is there for others meanwhile.
    expect(fits(memory, 'p', 64 * MIB - pool.usedBytes - HELD_BYTES_MAX)).toBe(true);
  });

  test('near the limit hardly anything is held: an eighth of what is free at most', () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 100_000 } } });
    expect(fits(other, 'p', 92_000)).toBe(true);
    expect(fits(memory, 'p', 7000)).toBe(true);
  });

  test('of the manager, too, over pools and threads', async () => {
    const { memory, other, third } = makeSides({ limit: 1000, pools: { a: {}, b: { limit: 700 } } });
    expect(fits(memory, 'a', 400)).toBe(true);
    await turnEnds();
    expect(fits(other, 'b', 601)).toBe(false);
    expect(fits(other, 'b', 500)).toBe(true);
    await turnEnds();
    expect(fits(third, 'a', 101)).toBe(false);
    expect(fits(third, 'a', 99)).toBe(true);
    await turnEnds();
    expect([memory, other, third].map((side) => fits(side, 'a', 2))).toEqual([false, false, false]);
    expect(fits(memory, 'b', 1)).toBe(true);
    expect([memory, other, third].map(({ usedBytes }) => usedBytes)).toEqual([1000, 1000, 1000]);
    expect(other.stats().manager).toMatchObject({ usedBytes: 1000, limitBytes: 1000, level: 'critical' });
    await turnEnds();
    expect(audit([memory, other, third]).problems).toEqual([]);
  });

  test('there is none where there is none', async () => {
    const { memory, other } = makeSides({ pools: { p: {} } });
    expect(fits(memory, 'p', 2 ** 40)).toBe(true);
    expect(fits(other, 'p', 2 ** 40)).toBe(true);
    await turnEnds();
    expect(memory.pool('p').usedBytes).toBe(2 ** 41);
    expect(other.pressure().level).toBe('normal');
  });

  test('a pool with a limit of 0 grants nothing to anybody, but no bytes', () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 0 } } });
    for (const side of [memory, other]) {
      expect(fits(side, 'p', 0)).toBe(true);
      expect(fits(side, 'p', 1)).toBe(false);
    }
  });
});

describe('a peak', () => {
  test('is never below what any thread sees at the same moment', async () => {
    const { memory, other, third } = makeSides({ pools: { p: { limit: MIB } } });
    const sides = [memory, other, third];
    const held: { free(): void }[] = [];
    for (let step = 0; step < 600; step += 1) {
      const side = sides[step % 3] ?? memory;
      const one = side.pool('p').reserve(1 + ((step * 7919) % 9000), { tag: 'x' });
      if (one !== undefined) held.push(one);
      if (step % 5 === 0) held.splice((step * 31) % held.length, 1)[0]?.free();
      for (const { pool } of [{ pool: memory.pool('p') }, { pool: other.pool('p') }]) {
        const { usedBytes } = pool;
        expect(pool.peakBytes).toBeGreaterThanOrEqual(usedBytes);
        expect(pool.peakBytes).toBeLessThanOrEqual(MIB);
      }
      if (step % 11 === 0) await turnEnds();
    }
  });

  test('stays what it was when all is freed, whoever held it', async () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 1000 } } });
    const held = [memory, other].map((side) => side.pool('p').reserveOrThrow(400));
    await turnEnds();
    for (const one of held) one.free();
    await turnEnds();
    expect(memory.pool('p').peakBytes).toBe(800);
    expect(poolStats(other, 'p')).toMatchObject({ usedBytes: 0, peakBytes: 800 });
  });

  test('is within the limit even when a look finds in two threads what moves from one to the other', () => {
    const { memory, other } = makeSides({ pools: { p: { limit: 1000 } } });
    const held = other.pool('p').reserveOrThrow(900);
    // As seen by one that adds up the parts of all, one after the other.
    other.pool('p').settleLevel(1800);
    held.free();
    expect(memory.pool('p').peakBytes).toBe(900);
  });
});
