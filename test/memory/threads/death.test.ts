import { describe, expect, test } from 'vitest';
import { HEADER } from '../../../src/memory/ledger/layout.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import { isGranted, poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { eventually, inherited, makeShared, quiet } from './shared-manager.ts';
import { turnEnds } from './sides.ts';
import { makeFlag, Thread, type Step } from './thread.ts';

const MIB = 1024 * 1024;
const LIMIT: number = 10 * MIB;
/** Of threads that are ended in the middle of something, each at another point. */
const ROUNDS = 8;

function make(): MemoryManager {
  return makeShared({ limit: 2 * LIMIT, pools: { p: { limit: LIMIT } } });
}

describe('a thread that ends', () => {
  const WAYS = ['exit', 'terminate', 'an error', 'a full heap'] as const;

  test.each(WAYS)('by %s leaves what it held lost, named by its tag, and nothing else', async (how) => {
    const memory = make();
    const thread = await Thread.start(memory, { resourceLimits: { maxOldGenerationSizeMb: 24 } });
    await thread.do('reserveMany', { count: 100, pool: 'p', bytes: 1000, tag: 'rows' });
    await thread.do('allocate', { as: 'a', pool: 'p', bytes: 50_000, tag: 'page' });
    if (how === 'exit') thread.tell('exit');
    if (how === 'terminate') await thread.worker.terminate();
    if (how === 'an error') thread.tell('fail');
    if (how === 'a full heap') thread.tell('exhaust');
    await thread.ended;
    await inherited(memory, 1);
    expect(memory.leaks().leaks).toMatchObject([
      { kind: 'lost', tag: 'rows', count: 100, bytes: 100_000, verdict: 'leak' },
      { kind: 'lost', tag: 'page', count: 1, bytes: 50_000 },
    ]);
    expect(poolStats(memory, 'p')).toMatchObject({ usedBytes: 150_000, allocations: 101, live: 101 });
    // The memory of its arena went with it.
    expect(poolStats(memory, 'p').reservedBytes).toBe(150_000);
    expect((await memory.cleanup()).reclaimed).toMatchObject([{ tag: 'rows', bytes: 100_000 }, { tag: 'page' }]);
    expect(isGranted(memory.pool('p').reserve(LIMIT))).toBe(true);
    expect(audit([memory])).toMatchObject({ problems: [], threads: [0], named: 0 });
  });

  test.each([
    ['reserving and freeing', 'spin'],
    ['opening and closing users', 'spinUsers'],
    ['sending to itself', 'spinTransfer'],
  ] as const)('in the middle of %s leaves the books straight, however often', async (_, step) => {
    const memory = make();
    for (let round = 0; round < ROUNDS; round += 1) {
      const thread = await Thread.start(memory);
      const flag = makeFlag();
      thread.tell(step, { pool: 'p', bytes: 1000 + round, flag: flag.memory });
      await eventually(flag.raised);
      await thread.end();
    }
    await inherited(memory, 1);
    await memory.cleanup();
    // One that was sent and whose ticket went with its thread is nobody's, and cannot be told from one that will be received.
    await eventually(async () => {
      await memory.cleanup({ force: true, ageSeconds: 0 });
      return memory.usedBytes === 0;
    });
    expect(audit([memory], false)).toMatchObject({ problems: [], named: 0 });
    expect(isGranted(memory.pool('p').reserve(LIMIT))).toBe(true);
  });

  test('with scopes open ends them: its leaks name query, user and transaction, and the user is forgotten', async () => {
    const memory = make();
    const thread = await Thread.start(memory);
    await thread.do('openUser', { as: 'ana', limit: 1000 });
    await thread.do('openQuery', { as: 'q-17', user: 'ana', transaction: 't-3' });
    await thread.do('openUser', { as: 'idle' });
    await thread.do('reserve', { as: 'a', pool: 'p', bytes: 700, tag: 'rows', scope: 'q-17' });
    expect(memory.openUser('ana').usedBytes).toBe(700);
    await thread.end();
    await inherited(memory, 1);
    expect(memory.leaks().leaks).toMatchObject([
      {
        kind: 'lost',
        tag: 'rows',
        bytes: 700,
        scope: { kind: 'query', name: 'q-17', user: 'ana', transaction: 't-3' },
      },
    ]);
    // It is open here, and is charged no more for what is lost there.
    expect(openLedger(memory.ledgerMemory).scopes(10, 'used').scopes).toMatchObject([
      { name: 'ana', usedBytes: 0, limitBytes: 1000 },
    ]);
    memory.openUser('ana').close();
    memory.openUser('ana').close();
    await memory.cleanup();
    expect(audit([memory], false).problems).toEqual([]);
    expect(openLedger(memory.ledgerMemory).scopes(10, 'used').count).toBe(1);
  });

  test('takes the threads with it that it had started, and what they held is found', async () => {
    const memory = make();
    const thread = await Thread.start(memory);
    await thread.do('nest', { asked: [['reserve', { as: 'a', pool: 'p', bytes: 1000, tag: 'below' }]] });
    await thread.do('reserve', { as: 'a', pool: 'p', bytes: 100, tag: 'above' });
    expect(memory.pool('p').usedBytes).toBe(1100);
    await thread.end();
    await inherited(memory, 1);
    expect(memory.leaks().leaks).toMatchObject([
      { kind: 'lost', tag: 'below', bytes: 1000 },
      { kind: 'lost', tag: 'above', bytes: 100 },
    ]);
  });

  test('is taken over by another than the main one, when that is busy', async () => {
    const memory = make();
    const [heir, dead] = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    await dead.do('reserve', { as: 'a', pool: 'p', bytes: LIMIT });
    await dead.end();
    // This thread does not take anything over: the other one is asked, and needs all of it.
    expect(await heir.do('reserve', { as: 'b', pool: 'p', bytes: LIMIT })).toBe(true);
    expect(memory.pool('p').usedBytes).toBe(LIMIT);
    expect(memory.stats().pools.find(({ name }) => name === 'p')).toMatchObject({ live: 1 });
  });

  test('leaves the limits of those alive as they are', async () => {
    const memory = make();
    const [alive, dead] = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    await alive.do('openUser', { as: 'ana', limit: 2000 });
    await alive.do('reserve', { as: 'a', pool: 'p', bytes: 1000, scope: 'ana' });
    await dead.do('openUser', { as: 'ana' });
    await quiet(alive);
    expect(await dead.do('reserve', { as: 'a', pool: 'p', bytes: 1001, scope: 'ana' })).toBe(false);
    expect(await dead.do('reserve', { as: 'a', pool: 'p', bytes: 1000, scope: 'ana' })).toBe(true);
    await dead.end();
    await inherited(memory, 2);
    expect(await alive.do('reserve', { as: 'b', pool: 'p', bytes: 1001, scope: 'ana' })).toBe(false);
    expect(await alive.do('reserve', { as: 'b', pool: 'p', bytes: 1000, scope: 'ana' })).toBe(true);
    await quiet(alive);
    expect(audit([memory], false).problems).toEqual([]);
  });
});

test('a hundred threads that come and go leave nothing behind', async () => {
  const memory = make();
  const users = Array.from({ length: 20 }, (_, index): Step => ['openUser', { as: `user-${index}` }]);
  const asked: Step[] = [...users, ['reserve', { as: 'a', pool: 'p', bytes: 500, scope: 'user-7' }]];
  const live = async (index: number): Promise<void> => {
    const thread = await Thread.start(memory);
    await thread.do('turn', { asked });
    // Every other one says goodbye.
    if (index % 2 === 0) await thread.do('close');
    await thread.end();
  };
  for (let round = 0; round < 25; round += 1) {
    await Promise.all([0, 1, 2, 3].map(live));
  }
  await inherited(memory, 1);
  expect(memory.leaks().totals).toMatchObject({ count: 100, bytes: 50_000 });
  await memory.cleanup();
  await turnEnds();
  const { problems, threads, named, pools } = audit([memory]);
  expect({ problems, threads, named }).toEqual({ problems: [], threads: [0], named: 0 });
  expect(memory.usedBytes).toBe(0);
  expect(pools[memory.pool('p').index]?.drawnBytes).toBe(0);
  // One segment of records for each that was there at a time, and about as many scopes as they had: not those of a hundred.
  const rows = memory.ledger.word(HEADER.threadCount);
  expect(rows).toBeLessThan(60);
  expect(memory.ledger.word(HEADER.segmentCount)).toBeLessThanOrEqual(rows);
  expect(memory.ledger.word(HEADER.scopeRows)).toBeLessThan(50 * users.length);
  const last = await Thread.start(memory);
  expect(await last.do('reserve', { as: 'a', pool: 'p', bytes: LIMIT })).toBe(true);
});
