import { describe, expect, test } from 'vitest';
import { codeOf, isGranted, makeManager, wrong } from '../make-manager.ts';

const KINDS = ['openQuery', 'openTransaction', 'openUser', 'openProcedure'] as const;

describe('users and transactions of one name', () => {
  test('are one account while open, over all their queries, with one limit', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    const first = memory.openQuery('first', { user: 'ana', transaction: 't' });
    const second = memory.openQuery('second', { user: 'ana', transaction: 't' });
    const user = memory.openUser('ana', { limit: 100 });
    expect([first.user, second.user, first.transaction]).toEqual([user, user, second.transaction]);
    const held = pool.reserveOrThrow(60, { scope: first });
    expect(isGranted(pool.reserve(41, { scope: second }))).toBe(false);
    held.free();
    expect(isGranted(pool.reserve(41, { scope: second }))).toBe(true);
  });

  test('need a close for each open, and stay for what belongs to them', () => {
    const { memory } = makeManager();
    const user = memory.openUser('ana');
    expect(memory.openUser('ana')).toBe(user);
    const query = memory.openQuery('q', { user: 'ana' });
    user.close();
    expect(codeOf(() => memory.pool('query').reserveOrThrow(1, { scope: user }).free())).toBeUndefined();
    user.close();
    user.close();
    user.close();
    expect(memory.openQuery('other', { user: 'ana' }).user).toBe(user);
    expect(codeOf(() => memory.pool('query').reserveOrThrow(1, { scope: query }).free())).toBeUndefined();
  });

  test('are another account once the last has ended', () => {
    const { memory } = makeManager();
    const [first, transaction] = [memory.openUser('ana', { limit: 10 }), memory.openTransaction('t')];
    first.close();
    transaction.close();
    const again = memory.openUser('ana');
    expect([again === first, again.limitBytes]).toEqual([false, Infinity]);
    expect(memory.openTransaction('t', { user: 'ana' }).user).toBe(again);
  });

  test('may be the same for a user, a transaction and a query: each is its own account', () => {
    const { memory } = makeManager();
    const query = memory.openQuery('x', { user: 'x', transaction: 'x' });
    expect(new Set([query, query.user, query.transaction]).size).toBe(3);
  });
});

describe('a transaction belongs to one user', () => {
  test.each(['openQuery', 'openTransaction'] as const)('so %s for another is refused without a trace', (open) => {
    const { memory } = makeManager();
    const first = memory.openTransaction('t', { user: 'ana' });
    const ask = () =>
      open === 'openQuery'
        ? memory.openQuery('q', { user: 'bob', transaction: 't' })
        : memory.openTransaction('t', { user: 'bob' });
    expect(codeOf(ask)).toBe('MEMTOOL_INVALID_OPTION');
    expect(memory.endedScopes()).toEqual([]);
    // Bob was not left behind: he gets a limit when he comes first, and ends with his only query.
    memory.openQuery('q', { user: 'bob' }).close();
    expect(memory.endedScopes().map(({ name }) => name)).toEqual(['bob', 'q']);
    expect(first.user?.name).toBe('ana');
  });

  test('also when the other user is the one that runs', () => {
    const { memory } = makeManager();
    memory.openTransaction('t', { user: 'ana' });
    memory.user('bob', {}, () =>
      expect(codeOf(() => memory.openQuery('q', { transaction: 't' }))).toBe('MEMTOOL_INVALID_OPTION'),
    );
  });

  test('and one of no user may be shared', () => {
    const { memory } = makeManager();
    const transaction = memory.openTransaction('t');
    const query = memory.user('bob', {}, () => memory.openQuery('q', { transaction: 't' }));
    expect([query.transaction, query.user?.name]).toEqual([transaction, 'bob']);
  });
});

describe('bad input throws a coded error and opens nothing', () => {
  test.each(['', 'x'.repeat(101), 7, 7n, null, undefined, Symbol('x'), {}])('%s as a name', (name) => {
    const { memory } = makeManager();
    for (const open of KINDS) expect(codeOf(() => memory[open](wrong(name)))).toBe('MEMTOOL_INVALID_OPTION');
    if (name !== undefined) {
      expect(codeOf(() => memory.openQuery('q', { user: wrong(name) }))).toBe('MEMTOOL_INVALID_OPTION');
      expect(codeOf(() => memory.openQuery('q', { user: 'ana', transaction: wrong(name) }))).toBe(
        'MEMTOOL_INVALID_OPTION',
      );
    }
    expect(memory.ledger.scopes?.atRow(1)).toBeUndefined();
    expect(memory.endedScopes()).toEqual([]);
  });

  test.each([-1, 1.5, NaN, 'much', null, {}])('%s as a limit', (limit) => {
    const { memory } = makeManager();
    for (const open of KINDS)
      expect(codeOf(() => memory[open]('name', { limit: wrong(limit) }))).toBe('MEMTOOL_INVALID_OPTION');
    expect(codeOf(() => memory.openQuery('q', { user: 'ana', limit: wrong(limit) }))).toBe('MEMTOOL_INVALID_OPTION');
    expect(memory.ledger.scopes?.atRow(1)).toBeUndefined();
    expect(memory.endedScopes()).toEqual([]);
  });

  test('a limit of 0 is one: it grants nothing but nothing', () => {
    const { memory } = makeManager();
    memory.query('q', { limit: 0 }, () => {
      expect(isGranted(memory.pool('query').reserve(0))).toBe(true);
      expect(isGranted(memory.pool('query').reserve(1))).toBe(false);
    });
  });

  test('a scope that has ended, in the scope option', () => {
    const { memory } = makeManager();
    const [scope, pool] = [memory.openQuery('q'), memory.pool('query')];
    const held = pool.reserveOrThrow(1, { scope });
    scope.close();
    for (const take of ['reserve', 'allocate', 'reserveOrThrow', 'allocateOrThrow'] as const)
      expect(codeOf(() => pool[take](1, { scope }))).toBe('MEMTOOL_SCOPE_ENDED');
    held.free();
    // Retired, and its row another's.
    memory.openQuery('other');
    expect(codeOf(() => pool.reserve(1, { scope }))).toBe('MEMTOOL_SCOPE_ENDED');
    expect(pool.usedBytes).toBe(0);
  });

  test.each(['q', 7, {}, null])('%s in the scope option', (scope) => {
    const { memory } = makeManager();
    memory.openQuery('q');
    expect(codeOf(() => memory.pool('query').reserve(1, { scope: wrong(scope) }))).toBe('MEMTOOL_INVALID_OPTION');
    expect(codeOf(() => memory.pool('query').allocate(1, { scope: wrong(scope) }))).toBe('MEMTOOL_INVALID_OPTION');
    expect(memory.usedBytes).toBe(0);
  });

  test('a scope of another manager', () => {
    const { memory } = makeManager();
    const foreign = makeManager().memory.openQuery('foreign');
    memory.openQuery('own');
    expect(codeOf(() => memory.pool('query').reserve(1, { scope: foreign }))).toBe('MEMTOOL_INVALID_OPTION');
    expect([memory.usedBytes, foreign.usedBytes]).toEqual([0, 0]);
  });

  test('a scope of another manager, where this one has opened none', () => {
    const { memory } = makeManager();
    const foreign = makeManager().memory.openQuery('foreign');
    expect(codeOf(() => isGranted(memory.pool('query').reserve(1, { scope: foreign })))).toBe('MEMTOOL_INVALID_OPTION');
  });
});

describe('after the manager was closed', () => {
  test('nothing is opened, and nothing taken in what was open', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    memory.openUser('ana');
    memory.query('q', { user: 'ana' }, (query) => {
      const held = pool.reserveOrThrow(10);
      memory.close();
      for (const open of KINDS) expect(codeOf(() => memory[open]('ana'))).toBe('MEMTOOL_CLOSED');
      expect(codeOf(() => pool.reserve(0))).toBe('MEMTOOL_CLOSED');
      expect(codeOf(() => pool.allocate(1))).toBe('MEMTOOL_CLOSED');
      expect(codeOf(() => held.tryGrow(1))).toBe('MEMTOOL_CLOSED');
      held.shrink(3);
      expect(query.usedBytes).toBe(7);
      held.free();
      expect([query.usedBytes, query.peakBytes, pool.usedBytes]).toEqual([0, 10, 0]);
    });
    expect(memory.endedScopes()).toMatchObject([{ name: 'q', leftBytes: 0 }]);
  });
});
