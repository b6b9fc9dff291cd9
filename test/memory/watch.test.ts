import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { collectAll, collectUntil } from './collect.ts';
import { makeManager, RECORDS_SMALLEST } from './make-manager.ts';
import { ManualClock } from './manual-clock.ts';

function churn(pool: MemoryPool, count: number): void {
  for (let round = 0; round < count; round += 1) pool.reserve(1, { tag: 'churn' })?.free();
}

function forget(pool: MemoryPool, count: number, tag: string): void {
  for (let round = 0; round < count; round += 1) pool.reserveOrThrow(1, { tag });
}

describe('the watch for lost reservations', () => {
  test('watches every one while that is cheap: all that are forgotten are found', async () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('cache');
    clock.advance(1);
    forget(pool, 500, 'forgotten');
    const kept = pool.reserveOrThrow(1, { tag: 'kept' });
    await collectUntil(() => memory.leaks().totals.count >= 500);
    await collectAll();
    expect(memory.leaks().leaks).toMatchObject([
      { kind: 'lost', tag: 'forgotten', count: 500, verdict: 'leak', reason: expect.not.stringContaining('watched') },
    ]);
    expect(memory.stats().manager.watchedOneIn).toBe(1);
    expect(kept.isHeld).toBe(true);
  });

  test('watches one in N above its budget, and the reason says so', async () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('cache');
    churn(pool, 100_000);
    clock.advance(1);
    const { watchedOneIn } = memory.stats().manager;
    expect(watchedOneIn).toBeGreaterThan(1);
    forget(pool, 900, 'forgotten');
    await collectUntil(() => memory.leaks().totals.count > 0);
    await collectAll();
    const [leak] = memory.leaks().leaks;
    expect(leak?.count).toBeLessThan(900);
    expect(leak?.reason).toContain(`one reservation in ${watchedOneIn}`);
  });

  test('watches every one again when the rate has fallen, and goes on saying that it did not always', async () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('cache');
    churn(pool, 100_000);
    clock.advance(1);
    const { watchedOneIn } = memory.stats().manager;
    churn(pool, 200);
    clock.advance(1);
    forget(pool, 900, 'forgotten');
    await collectUntil(() => memory.leaks().totals.count === 900);
    expect(memory.stats().manager.watchedOneIn).toBe(watchedOneIn);
  });

  test('never takes what was freed, moved or revoked for lost, even when its record is in use again', async () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('cache');
    churn(pool, 300);
    pool.reserveOrThrow(1, { tag: 'moved' }).transferTo(memory.pool('temp'));
    const held = Array.from({ length: 300 }, () => pool.reserveOrThrow(1, { tag: 'held' }));
    clock.advance(2);
    await collectAll();
    await collectUntil(() => memory.leaks().totals.count === 1);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'lost', pool: 'temp', tag: 'moved' }]);
    await memory.cleanup({ force: true, ageSeconds: 1 });
    held.length = 0;
    forget(memory.pool('query'), 0, 'none');
    await collectAll();
    expect(memory.leaks().leaks).toEqual([]);
    expect(memory.usedBytes).toBe(0);
  });

  test('goes on when another manager was closed and forgotten while it had something to find', async () => {
    for (let round = 0; round < 5; round += 1) {
      closeWithLost();
      // A WeakRef that was made in this turn keeps its target until the next.
      // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
      await setImmediate();
      // Twice in one turn: the first collection finds what is lost, the second the manager, before any finalizer has run.
      globalThis.gc?.();
      closed.clear();
      globalThis.gc?.();
    }
    const { memory } = makeManager();
    forget(memory.pool('cache'), 3, 'forgotten');
    memory.pool('cache').allocateOrThrow(100, { tag: 'page' });
    forgetPage(memory.pool('cache'));
    await collectUntil(() => memory.leaks().totals.count === 5);
    expect(memory.leaks().totals.count).toBe(5);
  });
});

/** Outside every function, so that no stack frame holds what it held. */
const closed = new Set<MemoryManager>();

function closeWithLost(): void {
  const memory = new MemoryManager({ agent: false, recordsMax: RECORDS_SMALLEST }, new ManualClock());
  forget(memory.pool('cache'), 10, 'forgotten');
  forgetPage(memory.pool('cache'));
  memory.close();
  closed.add(memory);
}

function forgetPage(pool: MemoryPool): void {
  pool.allocateOrThrow(5000, { tag: 'page' });
}
