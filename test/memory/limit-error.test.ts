import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import { makeManager } from './make-manager.ts';

function refusalOf(action: () => unknown): MemoryLimitError {
  try {
    action();
  } catch (error) {
    if (error instanceof MemoryLimitError) return error;
    throw error;
  }
  throw new Error('granted');
}

describe('a refusal', () => {
  test('by a pool names what was asked, for whom, what is held, what is free and who holds most', () => {
    const { memory } = makeManager({ pools: { results: { limit: 10_240 } } });
    const pool = memory.pool('results');
    pool.reserveOrThrow(4096, { tag: 'rows' });
    pool.reserveOrThrow(1024, { tag: 'rows' });
    pool.reserveOrThrow(2048, { tag: 'index' });
    pool.reserveOrThrow(1024);
    pool.reserveOrThrow(512, { tag: 'small' });
    const error = refusalOf(() => pool.reserveOrThrow(3072, { tag: 'page' }));
    expect(error.message).toBe(
      'Pool results refused 3.0 KiB for page. 8.5 KiB of 10.0 KiB (85.0 %) are in use, 1.5 KiB are free. ' +
        'Held by: rows 5.0 KiB in 2, index 2.0 KiB in 1, (no tag) 1.0 KiB in 1.',
    );
    expect(error.hint).toContain("onReclaim('results'");
    expect(error).toMatchObject({
      code: 'MEMTOOL_LIMIT',
      pool: 'results',
      account: 'results',
      askedBytes: 3072,
      usedBytes: 8704,
      limitBytes: 10_240,
      availableBytes: 1536,
    });
    expect(error.topConsumers[0]).toMatchObject({ tag: 'rows', count: 2, bytes: 5120 });
  });

  test('by the manager names the manager, and the pool to free in', () => {
    const { memory } = makeManager({ limit: 1000, pools: { results: {} } });
    const error = refusalOf(() => {
      memory.pool('cache').reserveOrThrow(900);
      memory.pool('results').allocateOrThrow(101);
    });
    expect(error.message).toMatch(
      /^Manager test refused 101 B in pool results\. 900 B of 1000 B \(90\.0 %\) are in use, 100 B are free\./,
    );
    expect(error.hint).toContain("onReclaim('results'");
    expect(error).toMatchObject({ account: 'test', pool: 'results', availableBytes: 100 });
  });

  test('of more than the whole limit says so', () => {
    const { memory } = makeManager({ pools: { small: { limit: 100 } } });
    const handle = memory.pool('small').reserveOrThrow(50, { tag: 'grown' });
    const error = refusalOf(() => handle.grow(101));
    expect(error.message).toContain('for grown');
    expect(error.hint).toContain('more than the whole limit');
  });

  test('names the consumers of its own pool only, whatever the pool is called', () => {
    const name = 'ж'.repeat(90);
    const { memory } = makeManager({ pools: { [name]: { limit: 10 } } });
    memory.pool('cache').reserveOrThrow(1000, { tag: 'elsewhere' });
    memory.pool(name).reserveOrThrow(5, { tag: 'here' });
    expect(refusalOf(() => memory.pool(name).reserveOrThrow(6)).topConsumers).toMatchObject([
      { tag: 'here', bytes: 5 },
    ]);
  });
});
