import { describe, expect, test } from 'vitest';
import { makeManager, poolStats } from './make-manager.ts';

const MIB = 1024 * 1024;

describe('idle arena memory', () => {
  test('goes back to the system once nobody has needed it for ten seconds', () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    for (const page of Array.from({ length: 8 }, () => pool.allocateOrThrow(MIB))) page.free();
    expect(poolStats(memory, 'query').reservedBytes).toBe(8 * MIB);
    clock.advance(10);
    expect(poolStats(memory, 'query').reservedBytes).toBeLessThanOrEqual(MIB);
  });

  test('stays where a steady program comes back for it', () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    const buffers = new Set<ArrayBufferLike>();
    for (let second = 0; second < 30; second += 1) {
      const vector = pool.allocateOrThrow(4 * MIB);
      buffers.add(vector.bytes.buffer);
      vector.free();
      clock.advance(1);
    }
    expect(buffers.size).toBe(1);
  });

  test('never makes a pool hold more than its limit, whatever sizes come and go', () => {
    const { memory } = makeManager({ pools: { small: { limit: 8 * MIB, blockSize: 4096 } } });
    const pool = memory.pool('small');
    for (let blocks = 300; blocks < 1500; blocks += 100) {
      pool.allocateOrThrow(blocks * 4096).free();
      expect(poolStats(memory, 'small').reservedBytes).toBeLessThanOrEqual(8 * MIB);
    }
  });
});
