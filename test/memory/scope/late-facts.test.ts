/** What is learnt of a query after it was opened: its name and its user. */
import { describe, expect, test } from 'vitest';
import { codeOf, makeManager } from '../make-manager.ts';

function make() {
  const { memory } = makeManager();
  return { memory, pool: memory.pool('query') };
}

describe('renaming', () => {
  test('a query or procedure goes by its new name wherever it is shown', () => {
    const { memory, pool } = make();
    const query = memory.openQuery('GET');
    const held = query.run(() => pool.reserveOrThrow(100, { tag: 'rows' }));
    query.rename('GET /orders/:id');
    expect(query.name).toBe('GET /orders/:id');
    const procedure = query.run(() => memory.openProcedure('p'));
    procedure.rename('parse');
    expect(procedure.name).toBe('parse');
    procedure.close();
    query.close();
    expect(memory.endedScopes().map(({ name }) => name)).toEqual(['GET /orders/:id', 'parse']);
    expect(memory.leaks().leaks.map(({ kind, scope }) => [kind, scope?.name])).toEqual([
      ['orphaned', 'GET /orders/:id'],
    ]);
    held.free();
  });

  test('a shorter name leaves nothing of the longer one', () => {
    const { memory, pool } = make();
    const query = memory.openQuery('x'.repeat(100));
    query.rename('y');
    query.run(() => pool.reserveOrThrow(1));
    query.close();
    expect(memory.leaks().leaks.map(({ scope }) => scope?.name)).toEqual(['y']);
  });

  test('users and transactions keep theirs, ended scopes too, and a name must be one', () => {
    const { memory } = make();
    using user = memory.openUser('ana');
    using transaction = memory.openTransaction('t');
    const query = memory.openQuery('q');
    expect(codeOf(() => user.rename('bo'))).toBe('MEMTOOL_INVALID_OPTION');
    expect(codeOf(() => transaction.rename('u'))).toBe('MEMTOOL_INVALID_OPTION');
    expect(codeOf(() => query.rename(''))).toBe('MEMTOOL_INVALID_OPTION');
    query.close();
    expect(codeOf(() => query.rename('r'))).toBe('MEMTOOL_SCOPE_ENDED');
  });
});

describe('the user, learnt late', () => {
  test('is charged what the query holds, and gets it back when that is freed', () => {
    const { memory, pool } = make();
    const query = memory.openQuery('q');
    const first = query.run(() => pool.reserveOrThrow(100, { tag: 'rows' }));
    expect(query.setUser('ana')).toBe(true);
    expect(query.setUser('ana')).toBe(true);
    expect([query.user?.name, query.user?.usedBytes, query.user?.peakBytes]).toEqual(['ana', 100, 100]);
    const second = query.run(() => pool.reserveOrThrow(10, { tag: 'rows' }));
    expect(query.user?.usedBytes).toBe(110);
    first.free();
    second.free();
    expect(query.user?.usedBytes).toBe(0);
    query.close();
    expect(memory.endedScopes().map(({ kind, name, user }) => [kind, name, user])).toEqual([
      ['user', 'ana', null],
      ['query', 'q', 'ana'],
    ]);
    expect(memory.endedScopes()[0]).toMatchObject({ takenBytes: 110, takenCount: 2, leftBytes: 0 });
  });

  test('is named with what the query leaves behind, and stays while that is held', () => {
    const { memory, pool } = make();
    using ana = memory.openUser('ana');
    const query = memory.openQuery('q');
    const left = query.run(() => pool.reserveOrThrow(100));
    expect(query.setUser('ana')).toBe(true);
    query.close();
    expect(memory.leaks().leaks.map(({ kind, scope }) => [kind, scope?.name, scope?.user])).toEqual([
      ['orphaned', 'q', 'ana'],
    ]);
    expect(ana.usedBytes).toBe(100);
    left.free();
    expect(ana.usedBytes).toBe(0);
  });

  test('refuses what is over the limit, and nothing has changed', () => {
    const { memory, pool } = make();
    using ana = memory.openUser('ana', { limit: 50 });
    const query = memory.openQuery('q');
    const held = query.run(() => pool.reserveOrThrow(51));
    expect(query.setUser('ana')).toBe(false);
    expect([query.user, ana.usedBytes]).toEqual([undefined, 0]);
    held.free();
    expect(query.setUser('ana')).toBe(true);
    expect(query.run(() => pool.reserve(51))).toBeUndefined();
    query.close();
    expect(ana.usedBytes).toBe(0);
  });

  test('is not taken from another user, a transaction, or what has scopes of its own', () => {
    const { memory } = make();
    using owned = memory.openQuery('q', { user: 'ana' });
    expect(owned.setUser('bo')).toBe(false);
    using inTransaction = memory.openQuery('q', { transaction: 't' });
    expect(inTransaction.setUser('bo')).toBe(false);
    using above = memory.openQuery('q');
    const below = above.run(() => memory.openProcedure('p'));
    expect(above.setUser('bo')).toBe(false);
    expect(below.setUser('bo')).toBe(false);
    below.close();
    expect(above.setUser('bo')).toBe(true);
    const ended = memory.openQuery('q');
    ended.close();
    expect(codeOf(() => ended.setUser('bo'))).toBe('MEMTOOL_SCOPE_ENDED');
    expect(codeOf(() => above.setUser(''))).toBe(false);
  });

  test('is one account with the same user in other threads', () => {
    const { memory, pool } = make();
    memory.share();
    using other = memory.openQuery('other', { user: 'ana' });
    using query = memory.openQuery('q');
    const one = other.run(() => pool.reserveOrThrow(5));
    const two = query.run(() => pool.reserveOrThrow(7));
    expect(query.setUser('ana')).toBe(true);
    expect(other.user?.usedBytes).toBe(12);
    one.free();
    two.free();
    expect(other.user?.usedBytes).toBe(0);
  });
});
