import { constants } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { codeOf, isGranted, makeManager, poolStats } from './make-manager.ts';

const MEBIBYTE = 1024 * 1024;

function makePool(limit?: number | string, blockSize: number | string = '4KiB') {
  const { memory, clock } = makeManager({ pools: { arena: { blockSize, ...(limit === undefined ? {} : { limit }) } } });
  return { memory, clock, pool: memory.pool('arena'), stats: () => poolStats(memory, 'arena') };
}

describe('the bytes of an allocation', () => {
  test.each([256, 1024, 4096])(
    'have exactly the length asked for and are aligned, for every size up to 4 blocks of %i',
    (blockSize) => {
      const { pool } = makePool(undefined, blockSize);
      for (let size = 1; size <= 4 * blockSize; size += 1) {
        const allocation = pool.allocateOrThrow(size);
        const { bytes } = allocation;
        if (bytes.length !== size || bytes.byteOffset % 16 !== 0)
          expect.unreachable(`${size}: ${bytes.length} at ${bytes.byteOffset}`);
        allocation.free();
      }
      expect(pool.usedBytes).toBe(0);
    },
  );

  test.each([256, 4096])(
    'of live allocations never overlap, for all sizes up to 4 blocks of %i at once',
    (blockSize) => {
      const { pool } = makePool(undefined, blockSize);
      const live = Array.from({ length: Math.min(1000, 4 * blockSize) }, (_, index) =>
        pool.allocateOrThrow(1 + ((index * 61) % (4 * blockSize))),
      );
      for (const [index, { bytes }] of live.entries()) bytes.fill(index & 0xff);
      for (const [index, { bytes }] of live.entries()) {
        if (!bytes.every((byte) => byte === (index & 0xff))) expect.unreachable(`allocation ${index} was overwritten`);
      }
    },
  );

  test('are a Buffer over shared memory', () => {
    const { bytes } = makePool().pool.allocateOrThrow(100);
    expect(Buffer.isBuffer(bytes)).toBe(true);
    expect(bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('are zero when asked for, even where something was before', () => {
    const { pool } = makePool();
    for (let round = 0; round < 3; round += 1) {
      const allocation = pool.allocateOrThrow(1000, { zero: true });
      expect(allocation.bytes.every((byte) => byte === 0)).toBe(true);
      allocation.bytes.fill(255);
      allocation.free();
    }
  });

  test('of nothing are an empty Buffer, which is freed as any other', () => {
    const { pool, stats } = makePool();
    const nothing = pool.allocateOrThrow(0);
    expect(nothing.bytes.length).toBe(0);
    expect(stats()).toMatchObject({ usedBytes: 0, reservedBytes: 0, live: 1 });
    nothing.free();
    expect(codeOf(() => nothing.bytes)).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(codeOf(() => nothing.free())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(stats().live).toBe(0);
  });
});

describe('a freed allocation', () => {
  test('throws MEMTOOL_USE_AFTER_FREE and MEMTOOL_DOUBLE_FREE with its tag, also when its slot and record are taken again', () => {
    const { pool } = makePool();
    const first = pool.allocateOrThrow(100, { tag: 'page' });
    first.free();
    const second = pool.allocateOrThrow(100, { tag: 'other' });
    second.bytes.fill(1);
    expect(first.isHeld).toBe(false);
    expect(() => first.bytes).toThrowError(
      expect.objectContaining({
        code: 'MEMTOOL_USE_AFTER_FREE',
        message: expect.stringMatching(/100 B tagged page in pool arena/),
      }),
    );
    expect(() => first.free()).toThrowError(
      expect.objectContaining({ code: 'MEMTOOL_DOUBLE_FREE', message: expect.stringMatching(/tagged page/) }),
    );
    first[Symbol.dispose]();
    expect(pool.usedBytes).toBe(100);
    expect(second.bytes[0]).toBe(1);
  });

  test('may be disposed again and again', () => {
    const { pool } = makePool();
    const page = pool.allocateOrThrow(5000);
    page[Symbol.dispose]();
    page[Symbol.dispose]();
    expect(pool.usedBytes).toBe(0);
  });
});

describe('a revoked allocation', () => {
  test('throws MEMTOOL_REVOKED with its own tag or none, never that of the record’s next owner; free does nothing', async () => {
    const { memory, clock, pool } = makePool();
    const page = pool.allocateOrThrow(100, { tag: 'page' });
    clock.advance(2);
    await memory.cleanup({ force: true, ageSeconds: 1 });
    expect(() => page.bytes).toThrowError(
      expect.objectContaining({ code: 'MEMTOOL_REVOKED', message: expect.stringContaining('page') }),
    );
    const next = pool.allocateOrThrow(100, { tag: 'next' });
    next.bytes.fill(5);
    expect(() => page.bytes).toThrowError(
      expect.objectContaining({ code: 'MEMTOOL_REVOKED', message: expect.not.stringContaining('next') }),
    );
    expect(page.isHeld).toBe(false);
    page.free();
    page[Symbol.dispose]();
    expect(codeOf(() => page.free())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(pool.usedBytes).toBe(100);
    expect(next.bytes.every((byte) => byte === 5)).toBe(true);
  });
});

describe('memory from the system', () => {
  test('is given back to the last byte by a cleanup, once everything is freed', async () => {
    const { memory, pool, stats } = makePool();
    const live = Array.from({ length: 500 }, (_, index) => pool.allocateOrThrow(1 + ((index * 7919) % 70_000)));
    for (const one of live) one.free();
    await memory.cleanup();
    expect(stats()).toMatchObject({ usedBytes: 0, reservedBytes: 0 });
  });

  test('that cleanup gave back is what it says, and what a dry run foresaw', async () => {
    const { memory, pool, stats } = makePool();
    const live = Array.from({ length: 100 }, () => pool.allocateOrThrow(60_000));
    for (const one of live.slice(0, 90)) one.free();
    const before = stats().reservedBytes;
    const foreseen = await memory.cleanup({ dryRun: true });
    expect(stats().reservedBytes).toBe(before);
    const { reclaimed } = await memory.cleanup();
    expect(reclaimed).toEqual(foreseen.reclaimed);
    const idle = reclaimed.filter(({ kind }) => kind === 'idle').reduce((sum, { bytes }) => sum + bytes, 0);
    expect(idle).toBe(before - stats().reservedBytes);
    expect(idle).toBeGreaterThan(0);
  });

  test('is held for a big allocation in whole blocks, and never less than is used', () => {
    const { pool, stats } = makePool();
    const big = pool.allocateOrThrow(3 * MEBIBYTE + 1);
    big.bytes.fill(3);
    expect(big.bytes[3 * MEBIBYTE]).toBe(3);
    expect(stats().reservedBytes).toBe(3 * MEBIBYTE + 4096);
    expect(stats().usedBytes).toBe(3 * MEBIBYTE + 1);
  });

  test('is not piled up by a churn of mixed sizes: at most a few segments beyond use', () => {
    const { pool, stats } = makePool('64MiB');
    for (let round = 0; round < 2000; round += 1) pool.allocateOrThrow(1 + ((round * 104_729) % (2 * MEBIBYTE))).free();
    expect(stats().usedBytes).toBe(0);
    expect(stats().reservedBytes).toBeLessThanOrEqual(32 * MEBIBYTE);
  });

  test('may be more than 4 GiB in one pool, and what is not touched is not used', () => {
    const { pool, stats } = makePool('16GiB');
    const rss = process.memoryUsage.rss();
    const live = Array.from({ length: 6 }, () => pool.allocateOrThrow(1024 * MEBIBYTE));
    expect(stats().usedBytes).toBe(6 * 1024 * MEBIBYTE);
    expect(process.memoryUsage.rss() - rss).toBeLessThan(500 * MEBIBYTE);
    live[5]?.bytes.writeUInt8(1, 1024 * MEBIBYTE - 1);
    for (const one of live) one.free();
    expect(stats().usedBytes).toBe(0);
  });

  // From Node 22 on a Buffer can hold 2^53 - 1 bytes, and no size is beyond that.
  const isBeyondReach = constants.MAX_LENGTH + 2 * MEBIBYTE > Number.MAX_SAFE_INTEGER;
  test.skipIf(isBeyondReach)('beyond what a Buffer can hold is refused without a trace', async () => {
    const { memory, pool, stats } = makePool(constants.MAX_LENGTH + 2 * MEBIBYTE);
    const events: unknown[] = [];
    memory.on('pressure', (event) => events.push(event));
    const before = stats();
    expect(isGranted(pool.allocate(constants.MAX_LENGTH + 1))).toBe(false);
    await Promise.resolve();
    expect(stats()).toEqual({ ...before, rejections: 1 });
    expect(events).toEqual([]);
  });
});
