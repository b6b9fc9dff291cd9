import { describe, expect, test } from 'vitest';
import { HEADER, SCOPES_MAX } from '../../../src/memory/ledger/layout.ts';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import { collectUntil } from '../collect.ts';
import { codeOf, isGranted, makeManager } from '../make-manager.ts';
import { Collected } from './collected.ts';

const ROWS = SCOPES_MAX - 1;

describe('endedScopes', () => {
  test('tells what each was: whose, peak, all it took, how long, what it left', () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    const user = memory.openUser('ana');
    const held = memory.query('q', { user: 'ana', transaction: 't', limit: 100 }, () => {
      pool.reserveOrThrow(60).free();
      clock.advance(7);
      pool.reserve(101);
      return pool.reserveOrThrow(20);
    });
    const whole = { user: 'ana', transaction: 't', peakBytes: 60, takenBytes: 80, takenCount: 2 };
    const query = {
      kind: 'query',
      name: 'q',
      ...whole,
      rejections: 1,
      durationSeconds: 7,
      leftBytes: 20,
      leftCount: 1,
    };
    expect(memory.endedScopes()).toEqual([query]);
    held.free();
    user.close();
    expect(memory.endedScopes()).toMatchObject([
      { ...whole, kind: 'user', name: 'ana', user: null, transaction: null, rejections: 0, leftBytes: 0 },
      { ...whole, kind: 'transaction', name: 't', transaction: null, rejections: 0, leftBytes: 0 },
      query,
    ]);
  });

  test('keeps the last 256, latest first', () => {
    const { memory } = makeManager();
    const names = Array.from({ length: 600 }, (_, number) => `q${number}`);
    for (const [index, name] of names.entries()) {
      memory.query(name, {}, () => undefined);
      if (index % 100 !== 5) continue;
      const expected = names
        .slice(0, index + 1)
        .toReversed()
        .slice(0, 256);
      expect(memory.endedScopes().map((ended) => ended.name)).toEqual(expected);
    }
    expect(memory.endedScopes()).toHaveLength(256);
  });

  test('are empty before the first scope, and a list of the caller’s own', () => {
    const { memory } = makeManager();
    expect(memory.endedScopes()).toEqual([]);
    memory.query('q', {}, () => undefined);
    memory.endedScopes().length = 0;
    expect(memory.endedScopes()).toHaveLength(1);
  });
});

describe('a scope that has ended', () => {
  test('keeps its own peak and holds nothing, although another has its row', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    const first = memory.openQuery('first');
    pool.reserveOrThrow(50, { scope: first }).free();
    first.close();
    const second = memory.openQuery('second');
    const held = pool.reserveOrThrow(70, { scope: second });
    expect([first.usedBytes, first.peakBytes, second.usedBytes, second.peakBytes]).toEqual([0, 50, 70, 70]);
    held.free();
  });

  test('cannot be closed again for what hangs on it, nor does its row serve another while that is charged to it', () => {
    const { memory } = makeManager();
    const pool = memory.pool('query');
    const query = memory.openQuery('q');
    const procedure = query.run(() => memory.openProcedure('p'));
    const held = pool.reserveOrThrow(100, { scope: procedure });
    query.close();
    query.close();
    query.close();
    const other = memory.openQuery('other');
    const others = pool.reserveOrThrow(30, { scope: other });
    held.free();
    procedure.close();
    expect([other.usedBytes, others.size, memory.endedScopes().map(({ name }) => name)]).toEqual([30, 30, ['p', 'q']]);
  });
});

test('a thousand rounds of opening and closing leave nothing behind: no rows, no open scopes, no handles', async () => {
  const { memory } = makeManager();
  const pool = memory.pool('query');
  const collected = new Collected();
  const round = (number: number): void => {
    memory.query(`q${number}`, { user: `u${number}`, transaction: `t${number}` }, (query) => {
      memory.procedure('p', {}, () => pool.reserveOrThrow(10).free());
      query.batch(pool).allocate(100);
      pool.allocateOrThrow(10).free();
      if (number % 100 === 0) collected.watch(query, query.user ?? {});
    });
  };
  for (let number = 0; number < 1000; number += 1) round(number);
  expect(memory.ledger.words[HEADER.scopeRows]).toBeLessThanOrEqual(5);
  expect(openLedger(memory.ledgerMemory).scopes(Infinity, 'used').count).toBe(0);
  expect([memory.usedBytes, memory.leaks().leaks, memory.activeScope]).toEqual([0, [], undefined]);
  await collectUntil(() => collected.count === 20);
});

test('rounds that leak leave nothing behind either, once cleanup took what they left', async () => {
  const { memory } = makeManager();
  const pool = memory.pool('query');
  for (let round = 0; round < 20; round += 1) {
    const held = Array.from({ length: 50 }, (_, number) =>
      memory.query(`q${number}`, { user: `u${number}` }, () => pool.reserveOrThrow(5)),
    );
    // oxlint-disable-next-line no-await-in-loop -- rounds
    await memory.cleanup();
    expect(held.some(({ isHeld }) => isHeld)).toBe(false);
  }
  expect(memory.ledger.words[HEADER.scopeRows]).toBeLessThanOrEqual(101);
  expect(openLedger(memory.ledgerMemory).scopes(Infinity, 'used').count).toBe(0);
});

test('10,000 scopes open at once, each with 100 bytes of a user with 10 MiB, are all granted', () => {
  const { memory } = makeManager({ recordsMax: 16_384 });
  const pool = memory.pool('query');
  const user = memory.openUser('ana', { limit: '10MiB' });
  const queries = Array.from({ length: 10_000 }, (_, number) => memory.openQuery(`q${number}`, { user: 'ana' }));
  const held = queries.map((scope) => pool.reserve(100, { scope }));
  expect(held.every(isGranted)).toBe(true);
  expect([user.usedBytes, user.peakBytes]).toEqual([1_000_000, 1_000_000]);
  expect(queries.every(({ usedBytes }) => usedBytes === 100)).toBe(true);
  for (const handle of held) handle?.free();
  for (const query of queries) query.close();
  expect(user.usedBytes).toBe(0);
});

describe('one scope more than there is room for', () => {
  test('is an error that leaves no trace, and there is room again when one has ended', () => {
    const { memory } = makeManager();
    const queries = Array.from({ length: ROWS - 1 }, (_, number) => memory.openQuery(`q${number}`));
    // A row for the user, none for the query.
    expect(codeOf(() => memory.openQuery('one', { user: 'ana', transaction: 't' }))).toBe('MEMTOOL_TOO_MANY_SCOPES');
    expect(codeOf(() => memory.openTransaction('t', { user: 'ana' }))).toBe('MEMTOOL_TOO_MANY_SCOPES');
    expect(memory.endedScopes()).toEqual([]);
    const last = memory.openUser('ana', { limit: 10 });
    expect(codeOf(() => memory.openUser('bob'))).toBe('MEMTOOL_TOO_MANY_SCOPES');
    expect(openLedger(memory.ledgerMemory).scopes(Infinity, 'used').count).toBe(ROWS);
    last.close();
    const again = memory.openUser('ana');
    expect(again.limitBytes).toBe(Infinity);
    for (const scope of [...queries, again]) scope.close();
    memory.openQuery('one', { user: 'ana', transaction: 't' }).close();
    expect(openLedger(memory.ledgerMemory).scopes(Infinity, 'used').count).toBe(0);
  });

  test('is opened when all that keeps a row is lost', async () => {
    const { memory } = makeManager();
    for (let number = 1; number < ROWS; number += 1) memory.openQuery(`q${number}`);
    memory.query('leaky', {}, () => void memory.pool('query').reserveOrThrow(10));
    await collectUntil(() => memory.leaks().leaks.some(({ kind }) => kind === 'lost'));
    expect(codeOf(() => memory.openQuery('one').name)).toBe('one');
  });
});
