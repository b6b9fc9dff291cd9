import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { CleanupEvent, PressureEvent } from '../../src/memory/manager-events.ts';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { collectAll } from './collect.ts';
import { makeManager, poolStats } from './make-manager.ts';

function listen(options: MemoryManagerOptions = {}) {
  const { memory, clock } = makeManager({ pools: { small: { limit: 100 }, other: { limit: 1000 } }, ...options });
  const levels: string[] = [];
  const cleanups: CleanupEvent[] = [];
  memory.on('pressure', ({ account, previous, level }: PressureEvent) =>
    levels.push(`${account.name}: ${previous} > ${level}`),
  );
  memory.on('cleanup', (event) => cleanups.push(event));
  return { memory, clock, pool: memory.pool('small'), levels, cleanups };
}

function forget(memory: MemoryManager, bytes: number): void {
  memory.pool('small').reserveOrThrow(bytes, { tag: 'forgotten' });
}

describe('pressure', () => {
  test('is told once per crossing, at 80 and 95, and falls at 75 and 90', async () => {
    const { pool, levels } = listen();
    const held = pool.reserveOrThrow(79);
    for (const size of [80, 94, 76, 80, 95, 100, 90, 95, 89, 75, 74, 0, 96, 10]) {
      held.resize(size);
      // oxlint-disable-next-line no-await-in-loop -- events come in a microtask
      await Promise.resolve();
    }
    expect(levels).toEqual([
      'small: normal > warning',
      'small: warning > critical',
      'small: critical > warning',
      'small: warning > normal',
      'small: normal > critical',
      'small: critical > normal',
    ]);
  });

  test('is not told by a refusal', async () => {
    const { memory, pool, levels } = listen();
    pool.reserveOrThrow(79);
    expect(pool.reserve(22) === undefined).toBe(true);
    await setImmediate();
    expect(levels).toEqual([]);
    expect(memory.pressure().level).toBe('normal');
  });

  test('of the manager is told at the crossing, whichever pools hold headroom', async () => {
    const { memory } = makeManager({ limit: 100_000, pools: { a: { blockSize: 4096 }, b: { blockSize: 4096 } } });
    const events: string[] = [];
    memory.on('pressure', ({ account, level, usedBytes }) => events.push(`${account.kind} ${level} ${usedBytes}`));
    memory.pool('a').reserveOrThrow(1);
    memory.pool('b').reserveOrThrow(30_000);
    memory.pool('a').reserveOrThrow(49_998);
    await Promise.resolve();
    expect(events).toEqual([]);
    memory.pool('a').reserveOrThrow(1);
    await Promise.resolve();
    expect(events).toEqual(['manager warning 80000']);
    memory.pool('b').reserveOrThrow(15_000);
    await Promise.resolve();
    expect(events).toEqual(['manager warning 80000', 'manager critical 95000']);
  });

  test('of the manager falls within a second', async () => {
    const { memory, clock } = makeManager({ limit: 1000 });
    const held = memory.pool('cache').reserveOrThrow(900);
    expect(memory.level).toBe('warning');
    held.free();
    clock.advance(1);
    expect(memory.level).toBe('normal');
    expect(memory.pressure().resources.every(({ level }) => level === 'normal')).toBe(true);
  });

  test('never leaves a level too low: any use by any pool is at its level at once', () => {
    const { memory } = makeManager({
      limit: 200_000,
      pools: { a: { blockSize: 256 }, b: { blockSize: 4096 }, c: { blockSize: 1024 } },
    });
    const pools = ['a', 'b', 'c'].map((name) => memory.pool(name));
    const held = pools.map((pool) => pool.reserveOrThrow(0));
    for (let round = 0; round < 5000; round += 1) {
      held[round % 3]?.resize((round * 7919) % 130_000);
      const ratio = memory.usedBytes / memory.limitBytes;
      if (ratio >= 0.8 && memory.level === 'normal') expect.unreachable(`normal at ${ratio}`);
      if (ratio >= 0.95 && memory.level !== 'critical') expect.unreachable(`${memory.level} at ${ratio}`);
      if (ratio > 1) expect.unreachable(`over the limit: ${ratio}`);
    }
  });

  test('events come after the call, so that a listener may take and free memory itself', async () => {
    const { memory, pool } = listen();
    let inside = false;
    const seen: boolean[] = [];
    memory.on('pressure', () => {
      seen.push(inside);
      pool.reserve(1)?.free();
    });
    inside = true;
    pool.reserveOrThrow(90);
    inside = false;
    await Promise.resolve();
    expect(seen).toEqual([false]);
  });
});

describe('auto-cleanup', () => {
  test('runs once per crossing, releases what is lost, and asks reclaimers largest first', async () => {
    const { memory, pool, cleanups } = listen({ autoCleanup: true });
    const asked: string[] = [];
    memory.onReclaim('small', (target) => (asked.push(`small ${target}`), 0));
    memory.onReclaim('other', (target) => (asked.push(`other ${target}`), 0));
    forget(memory, 40);
    await collectAll();
    memory.pool('other').reserveOrThrow(850);
    pool.reserveOrThrow(45);
    pool.reserveOrThrow(2);
    await setImmediate();
    await setImmediate();
    expect(cleanups).toHaveLength(1);
    expect(cleanups[0]).toMatchObject({
      cause: 'pressure',
      reclaimed: [{ kind: 'lost', pool: 'small', tag: 'forgotten', bytes: 40 }],
    });
    expect(poolStats(memory, 'small').usedBytes).toBe(47);
    // The small pool is no longer under pressure once what is lost was released.
    expect(asked).toEqual(['other 100']);
    pool.reserveOrThrow(50);
    memory.pool('other').reserveOrThrow(140);
    await setImmediate();
    await setImmediate();
    expect(cleanups).toHaveLength(2);
    expect(asked.slice(1)).toEqual(['other 240', 'small 22']);
  });

  test('does not run when it is off, nor after close', async () => {
    const off = listen({ autoCleanup: false });
    off.pool.reserveOrThrow(90);
    const closed = listen({ autoCleanup: true });
    closed.pool.reserveOrThrow(90);
    closed.memory.close();
    await setImmediate();
    await setImmediate();
    expect([...off.cleanups, ...closed.cleanups]).toEqual([]);
    expect(off.levels).toEqual(['small: normal > warning']);
  });

  test('asks the reclaimers when the manager is under pressure and no pool is', async () => {
    const { memory } = makeManager({ autoCleanup: true, limit: 1000, pools: { free: {} } });
    const asked: number[] = [];
    memory.onReclaim('free', (target) => (asked.push(target), 0));
    memory.pool('free').reserveOrThrow(850);
    await setImmediate();
    await setImmediate();
    expect(asked).toEqual([100]);
  });
});
