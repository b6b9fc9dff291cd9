import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import { collectUntil } from '../collect.ts';
import { isGranted, makeManager, poolStats, wrong } from '../make-manager.ts';

const ACCOUNTS = ['manager', 'pool', 'query', 'user'] as const;

/** A manager, and one of its accounts through which everything goes. */
function make(which: (typeof ACCOUNTS)[number]) {
  const { memory } = makeManager();
  const scope = memory.openQuery('q', { user: 'ana' });
  const pool = memory.pool('cache');
  const account = { manager: memory, pool, query: scope, user: scope.user ?? scope }[which];
  const reserve = (bytes: number) => pool.reserve(bytes, { scope });
  return { memory, scope, pool, account, reserve };
}

async function codeFrom(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

describe.each(ACCOUNTS)('the limit of a %s, changed while it runs,', (which) => {
  test('refuses growth above it, and grants again when it is raised', async () => {
    const { memory, account, reserve } = make(which);
    const held = reserve(600);
    await memory.setLimit(account, 700);
    expect(account.limitBytes).toBe(700);
    expect([isGranted(reserve(101)), held?.tryGrow(100), held?.tryGrow(1)]).toEqual([false, true, false]);
    await memory.setLimit(account, '1KB');
    expect([held?.tryGrow(300), held?.tryGrow(1), account.usedBytes]).toEqual([true, false, 1000]);
    await memory.setLimit(account, undefined);
    expect([account.limitBytes, held?.tryGrow(1_000_000)]).toEqual([Infinity, true]);
  });

  test('lowered below use takes nothing from anybody, and grants only once use is below it', async () => {
    const { memory, pool, account, reserve } = make(which);
    const held = [reserve(400), reserve(400)];
    await memory.setLimit(account, 500);
    expect([account.usedBytes, isGranted(reserve(1)), held[0]?.tryGrow(1)]).toEqual([800, false, false]);
    held[0]?.shrink(200);
    expect([account.usedBytes, isGranted(reserve(1)), held[1]?.tryGrow(200)]).toEqual([600, false, false]);
    held[1]?.free();
    expect([account.usedBytes, isGranted(reserve(301)), isGranted(reserve(300))]).toEqual([200, false, true]);
    expect(pool.usedBytes).toBe(500);
  });

  test.each([500, 0])('lowered below use to %i asks the reclaimers first', async (limit) => {
    const { memory, pool, account, reserve } = make(which);
    const held = Array.from({ length: 10 }, () => reserve(100));
    const asked: number[] = [];
    memory.onReclaim('cache', (targetBytes) => {
      asked.push(targetBytes);
      const before = pool.usedBytes;
      while (before - pool.usedBytes < targetBytes) held.pop()?.free();
      return before - pool.usedBytes;
    });
    await memory.setLimit(account, limit);
    expect(asked).toEqual([1000 - limit * 0.75]);
    expect(account.usedBytes).toBeLessThanOrEqual(limit);
  });

  test('lowered below use releases what is lost and what is orphaned first', async () => {
    const { memory, pool, account, scope } = make(which);
    (() => void pool.allocateOrThrow(300, { scope }))();
    await collectUntil(() => memory.leaks().totals.count === 1);
    const orphan = scope.run(() => memory.procedure('p', {}, () => pool.reserveOrThrow(200)));
    const kept = pool.reserveOrThrow(100, { scope });
    await memory.setLimit(account, 400);
    expect([account.usedBytes, orphan.isHeld, kept.isHeld]).toEqual([100, false, true]);
  });
});

test('the limit of the manager bounds all pools together, whoever gives back below a lowered one and asks again', async () => {
  const { memory } = makeManager();
  const pools = ['query', 'cache', 'temp'].map((name) => memory.pool(name));
  const held = pools.map((pool) => pool.reserveOrThrow(1000));
  await memory.setLimit(memory, 1500);
  for (const [index, pool] of pools.entries()) {
    held[index]?.shrink(700);
    const before = memory.usedBytes;
    expect(isGranted(pool.reserve(Math.max(1, 1501 - before)))).toBe(false);
    expect(memory.usedBytes).toBe(before);
  }
  expect(held.map((one) => one.transferTo(memory.pool('query')))).toEqual([true, true, true]);
  expect(fill(memory)).toBe(1500);
});

function fill(memory: MemoryManager): number {
  const held: (MemoryReservation | undefined)[] = [];
  for (let turn = 0; turn < 3000; turn += 1) held.push(memory.pools[turn % 3]?.reserve(1));
  expect(held).toHaveLength(3000);
  return memory.usedBytes;
}

test('limits are shown where readers find them', async () => {
  const { memory } = makeManager();
  const scope = memory.openQuery('q');
  const { openLedger } = await import('../../../src/memory/ledger/reader.ts');
  await memory.setLimit(memory, 5000);
  await memory.setLimit(memory.pool('cache'), 4000);
  await memory.setLimit(scope, 3000);
  expect(memory.stats().manager.limitBytes).toBe(5000);
  expect(poolStats(memory, 'cache').limitBytes).toBe(4000);
  expect(openLedger(memory.ledgerMemory).scopes(1, 'used').scopes).toMatchObject([{ name: 'q', limitBytes: 3000 }]);
  await memory.setLimit(scope, undefined);
  expect(openLedger(memory.ledgerMemory).scopes(1, 'used').scopes).toMatchObject([{ limitBytes: null }]);
});

describe('a limit is not set', () => {
  test('of an account of another manager', async () => {
    const { memory } = makeManager();
    const { memory: other } = makeManager();
    for (const account of [other, other.pool('cache'), other.openQuery('q')])
      expect(await codeFrom(memory.setLimit(account, 10))).toBe('MEMTOOL_INVALID_OPTION');
    expect(other.pool('cache').reserve(100)?.size).toBe(100);
  });

  test('of a scope that has ended, whose row may be another’s', async () => {
    const { memory } = makeManager();
    const scope = memory.openQuery('q');
    scope.close();
    const other = memory.openQuery('other', { limit: 1000 });
    expect(await codeFrom(memory.setLimit(scope, 10))).toBe('MEMTOOL_SCOPE_ENDED');
    expect([other.limitBytes, memory.pool('cache').reserve(500, { scope: other })?.size]).toEqual([1000, 500]);
  });

  test.each([-1, NaN, 0.5, 'many', null])('to %s', async (limit) => {
    const { memory, account } = make('query');
    expect(await codeFrom(memory.setLimit(account, wrong(limit)))).toBe('MEMTOOL_INVALID_OPTION');
    expect(account.limitBytes).toBe(Infinity);
  });
});
