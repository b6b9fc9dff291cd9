import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { OrphanedEvent } from '../../../src/memory/scope/orphans.ts';
import { collectAll, collectUntil } from '../collect.ts';
import { codeOf, makeManager, poolStats } from '../make-manager.ts';

function make() {
  const { memory, clock } = makeManager();
  const events: OrphanedEvent[] = [];
  memory.on('orphaned', (event) => void events.push(event));
  return { memory, clock, events, pool: memory.pool('query') };
}

const orphaned = (memory: MemoryManager) => memory.leaks().leaks.filter(({ kind }) => kind === 'orphaned');

describe('what a scope still holds when it ends', () => {
  test('is orphaned: a leak that names kind, scope, user and transaction', () => {
    const { memory, pool } = make();
    memory.query('q', { user: 'ana', transaction: 't' }, () => [
      pool.reserveOrThrow(100, { tag: 'rows' }),
      pool.reserveOrThrow(50, { tag: 'rows' }),
      pool.allocateOrThrow(64, { tag: 'page' }),
    ]);
    const scope = { kind: 'query', name: 'q', user: 'ana', transaction: 't' };
    expect(orphaned(memory)).toMatchObject([
      { tag: 'rows', count: 2, bytes: 150, verdict: 'leak', scope },
      { tag: 'page', count: 1, bytes: 64, verdict: 'leak', scope, reason: expect.stringContaining('query q') },
    ]);
  });

  test('is told at once by tag, largest first, with the age of the oldest', async () => {
    const { memory, clock, pool } = make();
    const query = memory.openQuery('q');
    const held = [pool.reserveOrThrow(5, { scope: query, tag: 'small' })];
    clock.advance(30);
    held.push(
      pool.reserveOrThrow(70, { scope: query, tag: 'large' }),
      pool.reserveOrThrow(6, { scope: query, tag: 'small' }),
    );
    query.close();
    const [event] = await once(memory, 'orphaned');
    expect(event).toEqual({
      scope: expect.objectContaining({ kind: 'query', name: 'q', leftBytes: 81, leftCount: 3, durationSeconds: 30 }),
      memory: [
        { tag: 'large', count: 1, bytes: 70, oldestAgeSeconds: 0 },
        { tag: 'small', count: 2, bytes: 11, oldestAgeSeconds: 30 },
      ],
    });
    expect(held).toHaveLength(3);
  });

  test('is told a second later when one was told in this second, and once only', async () => {
    const { memory, clock, events, pool } = make();
    const held = [memory.query('first', {}, () => pool.reserveOrThrow(1))];
    await once(memory, 'orphaned');
    held.push(
      memory.query('second', {}, () => pool.reserveOrThrow(2)),
      memory.query('third', {}, () => pool.reserveOrThrow(3)),
    );
    clock.advance(1);
    expect(events.map(({ scope }) => scope.name)).toEqual(['first', 'second', 'third']);
    clock.advance(5);
    memory.leaks();
    expect(events).toHaveLength(3);
    expect(held).toHaveLength(3);
  });

  test('and is freed before anyone looks is no orphan, and nothing of the next scope in its row is', async () => {
    const { memory, clock, events, pool } = make();
    const held = memory.query('q', {}, () => pool.reserveOrThrow(1));
    held.free();
    const next = memory.openQuery('next');
    const own = pool.reserveOrThrow(2, { scope: next });
    clock.advance(2);
    expect([events, orphaned(memory)]).toEqual([[], []]);
    await memory.cleanup();
    expect([own.isHeld, next.usedBytes]).toEqual([true, 2]);
  });

  test('is its own although a procedure called in it leaked as well', async () => {
    const { memory, clock, events, pool } = make();
    const held = memory.query('q', {}, () => [
      memory.procedure('p', {}, () => pool.reserveOrThrow(10)),
      pool.reserveOrThrow(20),
    ]);
    clock.advance(2);
    expect(events.map(({ scope, memory: [left] }) => [scope.name, left?.bytes])).toEqual([
      ['p', 10],
      ['q', 20],
    ]);
    await memory.cleanup();
    expect([pool.usedBytes, ...held.map(({ isHeld }) => isHeld)]).toEqual([0, false, false]);
    expect(memory.leaks().leaks).toEqual([]);
  });

  test.each(['query', 'transaction', 'user', 'procedure'] as const)('is found in a %s', async (kind) => {
    const { memory, pool } = make();
    const held = memory[kind]('name', {}, () => pool.reserveOrThrow(0, { tag: 'nothing' }));
    expect(orphaned(memory)).toMatchObject([
      { count: 1, bytes: 0, scope: { kind, name: 'name', user: null, transaction: null } },
    ]);
    await memory.cleanup();
    expect([held.isHeld, orphaned(memory)]).toEqual([false, []]);
  });

  test('keeps the account of its user, limit and all, until it is given back', async () => {
    const { memory, pool } = make();
    const held = memory.query('q', { user: 'ana' }, () => pool.reserveOrThrow(60));
    const user = memory.openUser('ana', { limit: 100 });
    expect([user.usedBytes, pool.reserve(41, { scope: user })]).toEqual([60, undefined]);
    await memory.cleanup();
    expect([user.usedBytes, held.isHeld]).toEqual([0, false]);
    pool.reserveOrThrow(41, { scope: user }).free();
  });
});

describe('cleanup', () => {
  test('foresees in a dry run what it then takes of orphans', async () => {
    const { memory, pool } = make();
    const held = memory.query('q', {}, () => pool.allocateOrThrow(100, { tag: 'page' }));
    const { reclaimed: foreseen } = await memory.cleanup({ dryRun: true });
    expect(held.isHeld).toBe(true);
    const { reclaimed } = await memory.cleanup();
    expect(foreseen).toMatchObject([{ kind: 'orphaned', pool: 'query', tag: 'page', count: 1, bytes: 100 }]);
    expect(reclaimed).toEqual(foreseen);
    expect((await memory.cleanup()).reclaimed).toEqual([]);
  });

  test('uncharges an orphan and leaves its bytes whole until nobody can reach them; then they are used again', async () => {
    const { memory, pool } = make();
    let page: MemoryAllocation | undefined = await memory.query('q', {}, async () => pool.allocateOrThrow(5000));
    let view: Buffer | undefined = page.bytes.subarray(100, 200);
    page.bytes.fill(0x5a);
    await memory.cleanup();
    expect([page.isHeld, pool.usedBytes]).toEqual([false, 0]);
    const others: MemoryAllocation[] = [];
    // Bytes are not zeroed: who gets those of the page finds what it wrote.
    const takesPage = (): boolean => {
      const other = pool.allocateOrThrow(5000);
      others.push(other);
      const isPage = other.bytes[150] === 0x5a;
      other.bytes.fill(1);
      return isPage;
    };
    await collectAll();
    expect(Array.from({ length: 200 }, takesPage)).not.toContain(true);
    expect(page.bytes.every((byte) => byte === 0x5a)).toBe(true);
    page.free();
    expect(codeOf(() => page?.bytes)).toBe('MEMTOOL_USE_AFTER_FREE');
    page = undefined;
    await collectAll();
    expect(Array.from({ length: 200 }, takesPage)).not.toContain(true);
    expect(view.every((byte) => byte === 0x5a)).toBe(true);
    view = undefined;
    await collectUntil(takesPage);
    expect(others.every(({ isHeld }) => isHeld)).toBe(true);
  });

  test('makes a later free of an orphan harmless, and a free before it counts', async () => {
    const { memory, pool } = make();
    const [before, after, grown] = memory.query(
      'q',
      {},
      () => [pool.allocateOrThrow(10), pool.allocateOrThrow(20), pool.reserveOrThrow(30)] as const,
    );
    before.free();
    expect(pool.usedBytes).toBe(50);
    await memory.cleanup();
    expect([grown.tryGrow(1), codeOf(() => grown.grow(1)), grown.size]).toEqual([false, 'MEMTOOL_REVOKED', 0]);
    const others = Array.from({ length: 10 }, () => pool.allocateOrThrow(20));
    after.free();
    grown.free();
    expect(pool.usedBytes).toBe(200);
    expect(codeOf(() => after.free())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(others.every(({ isHeld }) => isHeld)).toBe(true);
    expect(poolStats(memory, 'query').live).toBe(10);
  });

  test('with force revokes what an open scope has held for too long, and uncharges the scope', async () => {
    const { memory, clock, pool } = make();
    const query = memory.openQuery('q', { user: 'ana' });
    const [page, rows] = [pool.allocateOrThrow(10, { scope: query }), pool.reserveOrThrow(5, { scope: query })];
    clock.advance(400);
    await memory.cleanup({ force: true });
    expect(codeOf(() => page.bytes)).toBe('MEMTOOL_REVOKED');
    expect([rows.isHeld, query.usedBytes, query.user?.usedBytes, pool.usedBytes]).toEqual([false, 0, 0, 0]);
  });

  test('releases what is lost in an open scope and in an ended one', async () => {
    const { memory, pool } = make();
    const query = memory.openQuery('open');
    (() => void pool.allocateOrThrow(10, { scope: query }))();
    memory.query('ended', {}, () => void pool.reserveOrThrow(20));
    const lost = () => memory.leaks().leaks.filter(({ kind }) => kind === 'lost');
    await collectUntil(() => lost().length === 2);
    expect(new Set(lost().map(({ scope }) => scope?.name))).toEqual(new Set(['ended', 'open']));
    await memory.cleanup();
    expect([query.usedBytes, pool.usedBytes, memory.leaks().leaks]).toEqual([0, 0, []]);
  });

  test('does not stop the program: when rows run out, orphans are given back for new queries', () => {
    const { memory } = makeManager({ recordsMax: 32_768 });
    const pool = memory.pool('query');
    for (let index = 0; index < 20_000; index += 1) {
      memory.query(`q-${index}`, {}, () => pool.reserveOrThrow(1, { tag: 'leaking' }));
    }
    expect(pool.usedBytes).toBeLessThanOrEqual(16_384);
    expect(pool.usedBytes).toBeGreaterThan(0);
  });
});
