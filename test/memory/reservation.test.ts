import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import { codeOf, isGranted, makeManager, poolStats, wrong } from './make-manager.ts';

const LIMIT = 1000;

function makePools() {
  const { memory, clock } = makeManager({ pools: { small: { limit: LIMIT }, other: { limit: 500 } } });
  return { memory, clock, pool: memory.pool('small'), other: memory.pool('other') };
}

/** Everything that a refusal must leave alone. */
function trace(memory: ReturnType<typeof makePools>['memory'], name: string) {
  return { ...poolStats(memory, name), rejections: 0 };
}

describe('a size', () => {
  const BAD = [NaN, -1, 0.5, Infinity, -Infinity, 2 ** 53, 1e300, '5', null, undefined, {}, true];

  test.each(BAD)('%s is refused with MEMTOOL_INVALID_SIZE and leaves no trace', (bad) => {
    const { memory, pool } = makePools();
    const held = pool.reserveOrThrow(10);
    const before = poolStats(memory, 'small');
    const size = wrong<number>(bad);
    for (const ask of [
      () => pool.reserve(size),
      () => pool.reserveOrThrow(size),
      () => pool.allocate(size),
      () => pool.allocateOrThrow(size),
      () => held.tryGrow(size),
      () => held.grow(size),
      () => held.shrink(size),
      () => held.resize(size),
    ]) {
      expect(codeOf(ask)).toBe('MEMTOOL_INVALID_SIZE');
    }
    expect(poolStats(memory, 'small')).toEqual(before);
    expect(held.size).toBe(10);
  });

  test('of zero is granted, counted as live and as zero bytes, and can be freed', () => {
    const { memory, pool } = makePools();
    const nothing = pool.reserveOrThrow(0);
    expect(nothing.size).toBe(0);
    expect(nothing.isHeld).toBe(true);
    expect(poolStats(memory, 'small')).toMatchObject({ usedBytes: 0, peakBytes: 0, live: 1, allocations: 1, frees: 0 });
    nothing.free();
    expect(poolStats(memory, 'small')).toMatchObject({ live: 0, frees: 1 });
  });

  test('of zero is granted even when the pool is full', () => {
    const { pool } = makePools();
    pool.reserveOrThrow(LIMIT);
    expect(isGranted(pool.reserve(0))).toBe(true);
    expect(isGranted(pool.allocate(0))).toBe(true);
  });

  test.each([LIMIT + 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER])(
    '%i above the limit is refused and counts as a rejection only',
    (size) => {
      const { memory, pool } = makePools();
      pool.reserveOrThrow(LIMIT / 2);
      const before = trace(memory, 'small');
      expect(isGranted(pool.reserve(size))).toBe(false);
      expect(isGranted(pool.allocate(size))).toBe(false);
      expect(codeOf(() => pool.reserveOrThrow(size))).toBe('MEMTOOL_LIMIT');
      expect(trace(memory, 'small')).toEqual(before);
      expect(poolStats(memory, 'small').rejections).toBe(3);
    },
  );

  test('sums stay exact in a pool without a limit: what 2^53 - 1 cannot count is refused', () => {
    const { memory } = makeManager({ pools: { free: {} } });
    const pool = memory.pool('free');
    const all = pool.reserveOrThrow(Number.MAX_SAFE_INTEGER);
    expect(isGranted(pool.reserve(Number.MAX_SAFE_INTEGER))).toBe(false);
    expect(isGranted(pool.reserve(1))).toBe(false);
    expect(all.tryGrow(1)).toBe(false);
    all.shrink(1);
    const one = pool.reserveOrThrow(1);
    all.free();
    expect(pool.usedBytes).toBe(1);
    one.free();
    expect(pool.usedBytes).toBe(0);
  });

  test('the limit is granted to the last byte, and not one more', () => {
    const { pool } = makePools();
    const almost = pool.reserveOrThrow(LIMIT - 1);
    expect(isGranted(pool.reserve(2))).toBe(false);
    expect(almost.tryGrow(2)).toBe(false);
    expect(almost.tryGrow(1)).toBe(true);
    expect(pool.usedBytes).toBe(LIMIT);
    expect(isGranted(pool.reserve(1))).toBe(false);
  });
});

describe('a freed reservation', () => {
  test('cannot be freed again: the error names the tag and the pool, and nothing is given back twice', () => {
    const { pool } = makePools();
    const rows = pool.reserveOrThrow(10, { tag: 'profile-rows' });
    pool.reserveOrThrow(5);
    rows.free();
    expect(() => rows.free()).toThrowError(
      expect.objectContaining({
        code: 'MEMTOOL_DOUBLE_FREE',
        message: expect.stringMatching(/profile-rows.*pool small/),
      }),
    );
    expect(pool.usedBytes).toBe(5);
  });

  test('cannot be freed again after its record has gone to another', () => {
    const { pool } = makePools();
    const first = pool.reserveOrThrow(10, { tag: 'first' });
    first.free();
    const second = pool.reserveOrThrow(20, { tag: 'second' });
    expect(() => first.free()).toThrowError(/tagged first/);
    expect(second.isHeld).toBe(true);
    expect(second.size).toBe(20);
    expect(pool.usedBytes).toBe(20);
  });

  test('throws MEMTOOL_USE_AFTER_FREE on every use, and says so in its getters', () => {
    const { pool, other } = makePools();
    const gone = pool.reserveOrThrow(10, { tag: 'gone' });
    gone.free();
    for (const use of [
      () => gone.tryGrow(1),
      () => gone.grow(1),
      () => gone.shrink(1),
      () => gone.resize(1),
      () => gone.transferTo(other),
    ]) {
      expect(codeOf(use)).toBe('MEMTOOL_USE_AFTER_FREE');
    }
    expect(gone.isHeld).toBe(false);
    expect(gone.size).toBe(0);
    expect(pool.usedBytes).toBe(0);
  });

  test('may be disposed, once and again', () => {
    const { pool } = makePools();
    const handle = pool.reserveOrThrow(10);
    handle[Symbol.dispose]();
    handle[Symbol.dispose]();
    const freed = pool.reserveOrThrow(10);
    freed.free();
    freed[Symbol.dispose]();
    expect(pool.usedBytes).toBe(0);
    expect(codeOf(() => handle.free())).toBe('MEMTOOL_DOUBLE_FREE');
  });
});

describe('shrinking', () => {
  test('by more than is held is refused with MEMTOOL_INVALID_SIZE and changes nothing', () => {
    const { pool } = makePools();
    const handle = pool.reserveOrThrow(10);
    expect(codeOf(() => handle.shrink(11))).toBe('MEMTOOL_INVALID_SIZE');
    expect(handle.size).toBe(10);
    handle.shrink(10);
    expect(handle.size).toBe(0);
    expect(handle.isHeld).toBe(true);
    expect(codeOf(() => handle.shrink(1))).toBe('MEMTOOL_INVALID_SIZE');
  });

  test('and resizing never touch the peak, growing does', () => {
    const { pool } = makePools();
    const handle = pool.reserveOrThrow(100);
    expect(handle.resize(400)).toBe(true);
    expect(handle.resize(50)).toBe(true);
    expect(handle.resize(LIMIT + 1)).toBe(false);
    expect([pool.usedBytes, pool.peakBytes, handle.size]).toEqual([50, 400, 50]);
  });
});

describe('a transfer', () => {
  test('moves the charge and the record, and the total stays', () => {
    const { memory, pool, other } = makePools();
    const handle = pool.reserveOrThrow(300, { tag: 'moved' });
    expect(handle.transferTo(other)).toBe(true);
    expect(handle.pool.name).toBe('other');
    expect([pool.usedBytes, other.usedBytes, memory.usedBytes]).toEqual([0, 300, 300]);
    handle.free();
    expect(other.usedBytes).toBe(0);
    expect(poolStats(memory, 'other')).toMatchObject({ allocations: 1, frees: 1, live: 0 });
  });

  test('that is refused changes nothing but the rejections of the pool that refused', () => {
    const { memory, pool, other } = makePools();
    const handle = pool.reserveOrThrow(501);
    const before = [trace(memory, 'small'), trace(memory, 'other')];
    expect(handle.transferTo(other)).toBe(false);
    expect(handle.pool.name).toBe('small');
    expect([trace(memory, 'small'), trace(memory, 'other')]).toEqual(before);
    expect(poolStats(memory, 'other').rejections).toBe(1);
    expect(poolStats(memory, 'small').rejections).toBe(0);
  });

  test('that is refused lends the other pool nothing of what the manager allows', () => {
    const { memory } = makeManager({ limit: 1000, pools: { small: { limit: 900 }, other: { limit: 600 } } });
    const handle = memory.pool('small').reserveOrThrow(700);
    expect(handle.transferTo(memory.pool('other'))).toBe(false);
    expect(isGranted(memory.pool('other').reserve(301))).toBe(false);
    expect(isGranted(memory.pool('other').reserve(300))).toBe(true);
    expect(memory.usedBytes).toBe(1000);
  });

  test('to its own pool is granted and changes nothing', () => {
    const { memory, pool } = makePools();
    const handle = pool.reserveOrThrow(900);
    const before = poolStats(memory, 'small');
    expect(handle.transferTo(pool)).toBe(true);
    expect(poolStats(memory, 'small')).toEqual(before);
  });

  test('to a pool of another manager is refused with MEMTOOL_INVALID_OPTION', () => {
    const { pool } = makePools();
    const handle = pool.reserveOrThrow(10);
    const elsewhere = makeManager().memory.pool('cache');
    expect(codeOf(() => handle.transferTo(elsewhere))).toBe('MEMTOOL_INVALID_OPTION');
    expect(handle.pool.name).toBe('small');
    expect(elsewhere.usedBytes).toBe(0);
  });

  test('between pools never asks more of the manager: its sum does not change', () => {
    const { memory } = makeManager({ limit: 1000, pools: { small: { limit: 900 }, other: { limit: 900 } } });
    const handle = memory.pool('small').reserveOrThrow(700);
    expect(handle.transferTo(memory.pool('other'))).toBe(true);
    expect(memory.usedBytes).toBe(700);
    expect(isGranted(memory.pool('small').reserve(301))).toBe(false);
    expect(isGranted(memory.pool('small').reserve(300))).toBe(true);
    expect(isGranted(memory.pool('other').reserve(1))).toBe(false);
  });
});

describe('a revoked reservation', () => {
  test('can be used without harm: free and shrink do nothing, growing and transfer are false', async () => {
    const { pool, other, handle, next } = await revoke();
    expect(handle.isHeld).toBe(false);
    expect(handle.size).toBe(0);
    expect(handle.tryGrow(1)).toBe(false);
    expect(handle.resize(5)).toBe(false);
    expect(handle.transferTo(other)).toBe(false);
    handle.shrink(1);
    handle.free();
    expect([pool.usedBytes, other.usedBytes, next.size]).toEqual([7, 0, 7]);
  });

  test('throws MEMTOOL_REVOKED when it must grow, and does not blame the one that has its record now', async () => {
    const { handle } = await revoke();
    expect(() => handle.grow(1)).toThrowError(
      expect.objectContaining({ code: 'MEMTOOL_REVOKED', message: expect.not.stringContaining('next') }),
    );
    expect(() => handle.grow(1)).not.toThrowError(MemoryLimitError);
  });
});

async function revoke() {
  const { memory, clock, pool, other } = makePools();
  const handle = pool.reserveOrThrow(10, { tag: 'old' });
  clock.advance(2);
  await memory.cleanup({ force: true, ageSeconds: 1 });
  // Its record goes to another now.
  const next = pool.reserveOrThrow(7, { tag: 'next' });
  return { pool, other, handle, next };
}
