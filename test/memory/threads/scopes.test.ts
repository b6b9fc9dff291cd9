import { describe, expect, test } from 'vitest';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import { codeOf, isGranted } from '../make-manager.ts';
import { audit } from './audit.ts';
import { joinSide, makeSides, turnEnds } from './sides.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function reserveIn(scope: MemoryScope, memory: MemoryManager, bytes: number, tag = 'x') {
  return scope.run(() => memory.pool('cache').reserve(bytes, { tag }));
}

function openScopes(memory: MemoryManager) {
  return openLedger(memory.ledgerMemory)
    .scopes(100, 'used')
    .scopes.map(({ kind, name, user, usedBytes, limitBytes }) => ({ kind, name, user, usedBytes, limitBytes }));
}

describe.each(['user', 'transaction'] as const)('a %s', (kind) => {
  const open = (memory: MemoryManager, name: string, limit?: number): MemoryScope => {
    const options = limit === undefined ? {} : { limit };
    return kind === 'user' ? memory.openUser(name, options) : memory.openTransaction(name, options);
  };

  test('of one name is one account in all threads: its limit, use, peak and level', async () => {
    const { memory, other, clock } = makeSides();
    const here = open(memory, 'ana', 1000);
    const there = open(other, 'ana');
    const first = reserveIn(here, memory, 500);
    await turnEnds();
    expect(there.limitBytes).toBe(1000);
    expect(isGranted(reserveIn(there, other, 501))).toBe(false);
    expect(isGranted(reserveIn(there, other, 460))).toBe(true);
    await turnEnds();
    expect([here.usedBytes, there.usedBytes]).toEqual([960, 960]);
    clock.advance(1);
    expect([here.level, there.level]).toEqual(['critical', 'critical']);
    first?.free();
    await turnEnds();
    expect([here.peakBytes, there.peakBytes]).toEqual([960, 960]);
    expect(openScopes(memory)).toEqual([{ kind, name: 'ana', user: null, usedBytes: 460, limitBytes: 1000 }]);
  });

  test('that queries of two threads belong to is charged for both, to the last byte', async () => {
    const { memory, other } = makeSides();
    const named = open(memory, 'ana', 1000);
    const queries = [memory, other].map((side) => ({ side, query: side.openQuery('q', { [kind]: 'ana' }) }));
    for (const { side, query } of queries) {
      expect(isGranted(reserveIn(query, side, 499))).toBe(true);
      await turnEnds();
    }
    expect(queries.map(({ side, query }) => isGranted(reserveIn(query, side, 3)))).toEqual([false, false]);
    expect(isGranted(reserveIn(named, memory, 2))).toBe(true);
    expect(queries.map(({ query }) => query.usedBytes)).toEqual([499, 499]);
    expect(named.usedBytes).toBe(1000);
  });

  test('is forgotten, limit and all, once the last thread has let go', async () => {
    const { memory, other, all } = makeSides();
    const [here, there] = [open(memory, 'ana', 1000), open(other, 'ana')];
    here.close();
    expect(open(memory, 'ana').limitBytes).toBe(1000);
    there.close();
    expect(audit(all).named).toBe(1);
    open(memory, 'ana').close();
    const query = memory.openQuery('q', { [kind]: 'ana' });
    expect(query[kind]?.limitBytes).toBe(1000);
    memory.openUser('bob').close();
  });

  test('that nobody holds any more starts anew', async () => {
    const { memory, other, all } = makeSides();
    const here = open(memory, 'ana', 1000);
    reserveIn(here, memory, 700)?.free();
    here.close();
    await turnEnds();
    expect(audit(all)).toMatchObject({ problems: [], named: 0 });
    const there = open(other, 'ana');
    expect(there).toMatchObject({ limitBytes: Infinity, usedBytes: 0, peakBytes: 0, level: 'normal' });
  });

  test('that one thread closes within a turn gives back once what it drew, not twice', async () => {
    const { memory, other, all } = makeSides();
    const there = open(other, 'ana', MIB);
    reserveIn(there, other, MIB / 2);
    await turnEnds();
    const here = open(memory, 'ana');
    reserveIn(here, memory, 1000)?.free();
    here.close();
    await turnEnds();
    expect(there.usedBytes).toBe(MIB / 2);
    expect(isGranted(reserveIn(there, other, MIB / 2 + 1))).toBe(false);
    expect(isGranted(reserveIn(there, other, MIB / 2))).toBe(true);
    expect(audit(all).problems).toEqual([]);
  });

  test('that was closed within a turn leaves the limit of the next scope alone', async () => {
    const { memory } = makeSides();
    const here = open(memory, 'ana', MIB);
    reserveIn(here, memory, 1000)?.free();
    here.close();
    const query = memory.openQuery('q', { limit: 1000 });
    expect(query.row).toBe(here.row);
    await turnEnds();
    expect(isGranted(reserveIn(query, memory, 1001))).toBe(false);
    expect(query.usedBytes).toBe(0);
  });

  test('ended with something left in one thread goes on in another, without what was left', async () => {
    const { memory, other, all } = makeSides();
    const [here, there] = [open(memory, 'ana', 1000), open(other, 'ana')];
    const left = reserveIn(here, memory, 400, 'left');
    reserveIn(there, other, 500, 'kept');
    await turnEnds();
    here.close();
    await turnEnds();
    expect(there.usedBytes).toBe(500);
    expect(memory.leaks().leaks).toMatchObject([
      { kind: 'orphaned', tag: 'left', bytes: 400, scope: { kind, name: 'ana' } },
    ]);
    expect(other.leaks().leaks).toEqual(memory.leaks().leaks);
    expect(openScopes(other)).toMatchObject([{ name: 'ana', usedBytes: 500, limitBytes: 1000 }]);
    expect(isGranted(reserveIn(there, other, 501))).toBe(false);
    left?.free();
    there.close();
    await turnEnds();
    expect(audit(all)).toMatchObject({ problems: [], named: 0 });
    expect(memory.pool('cache').usedBytes).toBe(500);
  });
});

describe('a transaction', () => {
  test('belongs to one user in all threads', () => {
    const { memory, other } = makeSides();
    memory.openTransaction('t-1', { user: 'ana' });
    const action = (): unknown => other.openTransaction('t-1', { user: 'bob' });
    expect(codeOf(action)).toBe('MEMTOOL_INVALID_OPTION');
    expect(action).toThrow('Transaction t-1 belongs to user ana, not to user bob.');
    expect(codeOf(() => other.openQuery('q', { transaction: 't-1', user: 'bob' }))).toBe('MEMTOOL_INVALID_OPTION');
    // Nothing of it is left.
    expect(
      openScopes(memory)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['ana', 't-1']);
  });

  test('of nobody cannot be a user’s in another thread, as it cannot in the same', () => {
    const { memory, other } = makeSides();
    memory.openTransaction('t-1');
    for (const side of [memory, other])
      expect(() => side.openTransaction('t-1', { user: 'bob' })).toThrow(
        'Transaction t-1 belongs to no user, not to user bob.',
      );
    // Named by work of a user that does not say whose it is, it is still nobody's.
    expect(other.openUser('bob').run(() => other.openTransaction('t-1')).user).toBe(undefined);
  });

  test('takes its user along into another thread', () => {
    const { memory, other } = makeSides();
    memory.openTransaction('t-1', { user: 'ana' });
    memory.openUser('ana', { limit: 1000 });
    const query = other.openQuery('q', { transaction: 't-1' });
    expect(query.user?.name).toBe('ana');
    expect(isGranted(reserveIn(query, other, 1001))).toBe(false);
    expect(isGranted(reserveIn(query, other, 1000))).toBe(true);
    expect(memory.openUser('ana').usedBytes).toBe(1000);
  });
});

test('a query of the same name in two threads is two', () => {
  const { memory, other } = makeSides();
  const queries = [memory, other].map((side) => ({ side, query: side.openQuery('q', { limit: 1000 }) }));
  for (const { side, query } of queries) expect(isGranted(reserveIn(query, side, 1000))).toBe(true);
  expect(openScopes(memory)).toHaveLength(2);
});

test('what two threads hold for a user, and what they tagged alike, is one row of leaks', () => {
  const { memory, other, third, clock } = makeSides();
  for (const side of [memory, other, third]) {
    side.openUser('ana').run(() => side.pool('cache').reserveOrThrow(100, { tag: 'same' }));
    side.pool('cache').reserveOrThrow(10, { tag: 'same' });
  }
  clock.advance(10);
  const rows = third
    .leaks({ ageSeconds: 5 })
    .leaks.map(({ tag, count, bytes, scope }) => ({ tag, count, bytes, user: scope?.name }));
  expect(rows).toEqual([
    { tag: 'same', count: 3, bytes: 300, user: 'ana' },
    { tag: 'same', count: 3, bytes: 30, user: undefined },
  ]);
});

test('users that come and go in a thread that joins and leaves do not use up the table', async () => {
  const { memory, other, third, clock } = makeSides();
  for (let round = 0; round < 3; round += 1) {
    const side = joinSide(memory, clock);
    const users = Array.from({ length: 300 }, (_, index) => side.openUser(`user-${round}-${index}`, { limit: 100 }));
    for (const user of users) reserveIn(user, side, 10)?.free();
    for (const user of users) user.close();
    side.close();
    await turnEnds();
  }
  const next = joinSide(memory, clock);
  expect(audit([memory, other, third, next])).toMatchObject({ problems: [], named: 0 });
});
