import { describe, expect, test } from 'vitest';
import { codeOf, makeManager, poolStats } from './make-manager.ts';

function makePool() {
  const { memory } = makeManager({ poison: true, pools: { arena: { blockSize: 1024, limit: 100_000 } } });
  return { memory, pool: memory.pool('arena') };
}

describe('poison', () => {
  test.each([16, 100, 5000])('finds a write after free into %i bytes when they are next handed out', (size) => {
    const { pool } = makePool();
    const page = pool.allocateOrThrow(size);
    const { bytes } = page;
    page.free();
    bytes[size - 1] = 1;
    expect(() => pool.allocate(size)).toThrowError(
      expect.objectContaining({
        code: 'MEMTOOL_WRITE_AFTER_FREE',
        message: expect.stringContaining(`Byte ${size - 1} of`),
      }),
    );
  });

  test('leaves a find without a trace in the counts, and goes on without those bytes', () => {
    const { memory, pool } = makePool();
    const page = pool.allocateOrThrow(100);
    const { bytes } = page;
    page.free();
    bytes[0] = 1;
    const { usedBytes, live, peakBytes } = poolStats(memory, 'arena');
    expect(codeOf(() => pool.allocate(100))).toBe('MEMTOOL_WRITE_AFTER_FREE');
    expect(poolStats(memory, 'arena')).toMatchObject({ usedBytes, live, peakBytes });
    const next = pool.allocateOrThrow(100);
    next.bytes.fill(2);
    bytes[0] = 3;
    expect(next.bytes.every((byte) => byte === 2)).toBe(true);
  });

  test('never accuses a program that lets go of what it frees, over many sizes', () => {
    const { pool } = makePool();
    for (let round = 0; round < 5000; round += 1) {
      const page = pool.allocateOrThrow(1 + ((round * 7919) % 4000));
      page.bytes.fill(round & 0xff);
      page.free();
    }
    expect(pool.usedBytes).toBe(0);
  });
});
