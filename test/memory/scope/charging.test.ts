import { describe, expect, test } from 'vitest';
import { TALLY_REJECTIONS } from '../../../src/memory/ledger/layout.ts';
import { MemoryLimitError } from '../../../src/memory/limit-error.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import { codeOf, isGranted, makeManager, poolStats } from '../make-manager.ts';

function limitError(action: () => unknown): MemoryLimitError {
  try {
    action();
  } catch (error) {
    if (error instanceof MemoryLimitError) return error;
  }
  throw new Error('it was not refused');
}

const used = (...scopes: (MemoryScope | undefined)[]) => scopes.map((scope) => scope?.usedBytes);

describe('what is taken in a scope', () => {
  test('is charged to the pool and to everything the scope hangs on, each once', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    memory.user('ana', {}, (user) => {
      memory.transaction('t', { user: 'ana' }, (transaction) => {
        memory.query('q', { user: 'ana', transaction: 't' }, (query) => {
          memory.procedure('p', {}, (procedure) => {
            const held = pool.reserveOrThrow(100);
            expect(used(procedure, query, transaction, user)).toEqual([100, 100, 100, 100]);
            expect([pool.usedBytes, memory.usedBytes]).toEqual([100, 100]);
            held.grow(50);
            held.shrink(30);
            expect(used(procedure, query, transaction, user)).toEqual([120, 120, 120, 120]);
            expect(held.transferTo(memory.pool('cache'))).toBe(true);
            expect(used(procedure, query, transaction, user)).toEqual([120, 120, 120, 120]);
            held.free();
            expect(used(procedure, query, transaction, user)).toEqual([0, 0, 0, 0]);
          });
        });
      });
    });
  });

  test('of a transaction opened for a user inside is charged to that user, whether or not it is named again', () => {
    const { memory } = makeManager();
    memory.user('ana', { limit: 1000 }, (user) => {
      memory.transaction('t', {}, (transaction) => {
        expect(transaction.user?.name).toBe('ana');
        expect(isGranted(memory.pool('query').reserve(1001))).toBe(false);
        memory.pool('query').reserveOrThrow(10).free();
      });
      memory.query('q', { transaction: 't' }, (query) => expect(query.transaction?.user).toBe(user));
    });
  });

  test('by the scope option is charged there and not to the scope that runs', () => {
    const { memory } = makeManager();
    const other = memory.openQuery('other', { user: 'bob' });
    memory.query('q', { user: 'ana' }, (query) => {
      memory.pool('query').reserveOrThrow(10, { scope: other });
      memory.pool('query').allocateOrThrow(20, { scope: other });
      expect(used(query, query.user, other, other.user)).toEqual([0, 0, 30, 30]);
    });
  });

  test('when the table of records is full is still granted, and freed without a trace', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    for (let count = 0; count < 1024; count += 1) pool.reserveOrThrow(0);
    memory.query('q', {}, (query) => {
      const unrecorded = [pool.reserveOrThrow(10), pool.allocateOrThrow(20)];
      expect(pool.usedBytes).toBe(30);
      for (const one of unrecorded) one.free();
      expect([pool.usedBytes, query.usedBytes]).toEqual([0, 0]);
    });
  });
});

describe('a refusal in a scope', () => {
  test.each(['query', 'transaction', 'user', 'pool', 'manager'])(
    'by the %s leaves no trace but a rejection there and in the pool, whatever was asked',
    (who) => {
      const limit = (name: string) => (who === name ? { limit: 100 } : {});
      const { memory } = makeManager({ pools: { small: limit('pool') }, ...limit('manager') });
      const pool = memory.pool('small');
      memory.user('ana', limit('user'), (user) => {
        memory.transaction('t', { user: 'ana', ...limit('transaction') }, (transaction) => {
          memory.query('q', { user: 'ana', transaction: 't', ...limit('query') }, (query) => {
            const scopes = [query, transaction, user];
            const held = pool.reserveOrThrow(60);
            expect(isGranted(pool.reserve(41))).toBe(false);
            expect(isGranted(pool.allocate(41, { tag: 'x' }))).toBe(false);
            expect(held.tryGrow(41)).toBe(false);
            expect(held.resize(101)).toBe(false);
            for (const account of [...scopes, pool]) expect([account.usedBytes, account.peakBytes]).toEqual([60, 60]);
            expect(scopes.map((scope) => scope.figure(TALLY_REJECTIONS))).toEqual(
              scopes.map(({ kind }) => (kind === who ? 4 : 0)),
            );
            expect(poolStats(memory, 'small')).toMatchObject({ rejections: 4, live: 1, allocations: 1 });
            const error = limitError(() => pool.reserveOrThrow(41, { tag: 'asked' }));
            expect(error).toMatchObject({
              account: { query: 'q', transaction: 't', user: 'ana', pool: 'small', manager: 'test' }[who],
              pool: 'small',
              usedBytes: 60,
              limitBytes: 100,
              availableBytes: 40,
            });
            held.grow(40);
            held.free();
          });
        });
      });
    },
  );

  test('names the top consumers of the account that refused, from every pool and every scope of it, and no others', () => {
    const { memory } = makeManager();
    const [one, two] = [memory.pool('query'), memory.pool('cache')];
    memory.openUser('ana', { limit: 1000 });
    const first = memory.openQuery('first', { user: 'ana' });
    const second = memory.openQuery('second', { user: 'ana' });
    const stranger = memory.openQuery('stranger', { user: 'bob' });
    one.reserveOrThrow(100, { scope: first, tag: 'rows' });
    two.reserveOrThrow(200, { scope: second, tag: 'rows' });
    two.allocateOrThrow(400, { scope: second, tag: 'pages' });
    one.reserveOrThrow(5000, { scope: stranger, tag: 'others' });
    one.reserveOrThrow(5000, { tag: 'nobodys' });
    const error = limitError(() => one.reserveOrThrow(301, { scope: first }));
    expect(error.account).toBe('ana');
    expect(error.topConsumers).toEqual([
      { tag: 'pages', count: 1, bytes: 400 },
      { tag: 'rows', count: 2, bytes: 300 },
    ]);
    expect(error.message).toMatch(
      /^User ana refused 301 B in pool query\. .*Held by: pages 400 B in 1, rows 300 B in 2\./,
    );
  });

  test('is not made for what is lost in any pool: that is released first', async () => {
    const { collectUntil } = await import('../collect.ts');
    const { memory } = makeManager();
    const query = memory.openQuery('q', { limit: 1000 });
    (() => void memory.pool('cache').allocateOrThrow(900, { scope: query }))();
    await collectUntil(() => memory.leaks().totals.count === 1);
    expect(query.usedBytes).toBe(900);
    expect(isGranted(memory.pool('query').reserve(1000, { scope: query }))).toBe(true);
    expect(query.usedBytes).toBe(1000);
  });

  test('whose transaction ends with what is released for its sake is charged to its pool alone', async () => {
    const { collectUntil } = await import('../collect.ts');
    const { memory } = makeManager();
    const pool = memory.pool('query');
    const query = memory.openQuery('q', { user: 'ana', transaction: 't' });
    const { transaction } = query;
    (() => void pool.allocateOrThrow(55, { scope: query }))();
    query.close();
    const user = memory.openUser('ana', { limit: 100 });
    await collectUntil(() => memory.leaks().leaks.some(({ kind }) => kind === 'lost'));
    if (transaction === undefined) throw new Error('the query has no transaction');
    const page = pool.allocateOrThrow(46, { scope: transaction });
    expect([pool.usedBytes, user.usedBytes]).toEqual([46, 0]);
    page.free();
    expect([pool.usedBytes, user.usedBytes]).toEqual([0, 0]);
  });

  test('raises no level and tells of no pressure', async () => {
    const { memory } = makeManager();
    const told: string[] = [];
    memory.on('pressure', ({ account, level }) => void told.push(`${account.name} ${level}`));
    const user = memory.openUser('ana', { limit: 50 });
    const query = memory.openQuery('q', { user: 'ana', limit: 100 });
    expect(isGranted(memory.pool('query').reserve(99, { scope: query }))).toBe(false);
    await Promise.resolve();
    expect([query.level, user.level, told]).toEqual(['normal', 'normal', []]);
  });
});

test('levels of a scope rise and fall with what it holds, and are told', async () => {
  const { memory } = makeManager();
  const told: string[] = [];
  memory.on('pressure', ({ account, level, usedPercent }) => void told.push(`${account.kind} ${level} ${usedPercent}`));
  const query = memory.openQuery('q', { limit: 100 });
  const held = memory.pool('query').reserveOrThrow(80, { scope: query });
  await Promise.resolve();
  held.grow(20);
  await Promise.resolve();
  held.free();
  await Promise.resolve();
  expect(told).toEqual(['query warning 80', 'query critical 100', 'query normal 0']);
});

test('the limit of a procedure bounds it and not the query that called it', () => {
  const { memory } = makeManager();
  memory.query('q', {}, () => {
    memory.procedure('p', { limit: 10 }, () => expect(isGranted(memory.pool('temp').reserve(11))).toBe(false));
    expect(isGranted(memory.pool('temp').reserve(11))).toBe(true);
  });
  expect(codeOf(() => memory.pool('temp').reserveOrThrow(11).free())).toBeUndefined();
});
