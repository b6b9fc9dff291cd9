import { describe, expect, test } from 'vitest';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import { isGranted, poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { eventually, makeShared, quiet } from './shared-manager.ts';
import { makeFlag, StepError, Thread } from './thread.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('worker threads that share a manager', () => {
  test('use its limit up to the last byte, once their turns have ended', async () => {
    const memory = makeShared({ pools: { p: { limit: 1_000_003 } } });
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory), Thread.start(memory)]);
    for (const [index, thread] of threads.entries())
      expect(await thread.do('reserve', { as: 'a', pool: 'p', bytes: 200_000 + index })).toBe(true);
    await quiet(...threads);
    expect(isGranted(memory.pool('p').reserve(400_001))).toBe(false);
    expect(isGranted(memory.pool('p').reserve(399_999))).toBe(true);
    await quiet(...threads);
    await eventually(() => memory.sharing?.pool(memory.pool('p').index).drawnBytes === 1_000_002);
    const last = await Promise.all(threads.map((thread) => thread.do('reserve', { as: 'b', pool: 'p', bytes: 1 })));
    expect(last.filter(Boolean)).toHaveLength(1);
    await expect(threads[0]?.do('reserveOrThrow', { pool: 'p', bytes: 1 })).rejects.toMatchObject({
      code: 'MEMTOOL_LIMIT',
      message: expect.stringMatching(/ Held by: worker .* in 4, \(no tag\) .* in 1\.$/),
    });
    for (const thread of threads)
      expect(await thread.do('figures', { pool: 'p' })).toMatchObject({ usedBytes: 1_000_003, peakBytes: 1_000_003 });
  });

  test('hold nothing in advance once their turn has ended, even when it was a timer’s and nothing happens in them', async () => {
    const memory = makeShared({ pools: { p: { limit: 10 * MIB } } });
    const thread = await Thread.start(memory, { isStill: true });
    const flag = makeFlag();
    await thread.do('reserveLater', { as: 'a', pool: 'p', bytes: 1000, flag: flag.memory });
    await eventually(flag.raised);
    const account = memory.sharing?.pool(memory.pool('p').index);
    await eventually(() => account?.drawnBytes === 1000, 'the rest is given back');
  });

  test('hold at most 128 KiB in a turn that does not end, and it is there for others afterwards', async () => {
    const memory = makeShared({ pools: { p: { limit: 10 * MIB } } });
    const thread = await Thread.start(memory);
    const flag = makeFlag();
    const asked = Array.from(
      { length: 40 },
      (_, index) => ['reserve', { as: `${index}`, pool: 'p', bytes: 100_000 }] as const,
    );
    const turn = thread.do('longTurn', {
      asked: [...asked.map(([name, given]) => [name, given] as ['reserve', typeof given]), ['freeAll']],
      flag: flag.memory,
    });
    await eventually(flag.raised);
    expect(memory.pool('p').usedBytes).toBe(0);
    const rest = memory.pool('p').reserve(10 * MIB - 128 * KIB);
    expect(isGranted(rest)).toBe(true);
    flag.release();
    expect((await turn).slice(0, 40)).toEqual(asked.map(() => true));
    await quiet(thread);
    expect(isGranted(memory.pool('p').reserve(128 * KIB))).toBe(true);
  });

  test('see levels that others bring about, and tell of them', async () => {
    const memory = makeShared({ limit: 2000, pools: { p: { limit: 1000 } } });
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    const seen: string[] = [];
    memory.on('pressure', ({ account, level }) => seen.push(`${account.name} ${level}`));
    const [first, second] = threads;
    for (const thread of threads) await thread.do('watch');
    await first?.do('reserve', { as: 'a', pool: 'p', bytes: 970 });
    const all = async () => [seen, ...(await Promise.all(threads.map((thread) => thread.do('events'))))];
    const everywhere = (expected: string[]): Promise<void> =>
      expect.poll(all, { timeout: 20_000 }).toEqual([expected, expected, expected]);
    await everywhere(['p critical']);
    for (const thread of threads) expect((await thread.do('figures', { pool: 'p' })).level).toBe('critical');
    expect((await second?.do('pressure'))?.level).toBe('critical');
    await first?.do('free', { as: 'a' });
    await everywhere(['p critical', 'p normal']);
  });

  test('have their reclaimers asked when the pressure comes from another thread', async () => {
    const memory = makeShared({ autoCleanup: true, pools: { p: { limit: 1000 } } });
    const thread = await Thread.start(memory);
    await thread.do('reserve', { as: 'a', pool: 'p', bytes: 500 });
    await thread.do('reclaim', { pool: 'p' });
    await quiet(thread);
    memory.pool('p').reserveOrThrow(400);
    await eventually(() => memory.pool('p').usedBytes === 400);
    expect(await thread.do('events')).toEqual(['reclaimed']);
  });

  test('change limits for each other', async () => {
    const memory = makeShared({ pools: { p: { limit: 10 * MIB } } });
    const thread = await Thread.start(memory);
    await thread.do('reserve', { as: 'a', pool: 'p', bytes: MIB });
    await memory.setLimit(memory.pool('p'), 1000);
    expect(await thread.do('reserve', { as: 'b', pool: 'p', bytes: 1 })).toBe(false);
    await thread.do('setLimit', { pool: 'p', limit: 2 * MIB });
    expect(memory.pool('p').limitBytes).toBe(2 * MIB);
    await quiet(thread);
    expect(isGranted(memory.pool('p').reserve(MIB + 1))).toBe(false);
    expect(isGranted(memory.pool('p').reserve(MIB))).toBe(true);
    await thread.do('setLimit', { limit: 2 * MIB + 1 });
    expect(memory.limitBytes).toBe(2 * MIB + 1);
    expect(isGranted(memory.pool('cache').reserve(2))).toBe(false);
  });

  test('find pools that were added later, and are told that they cannot add one', async () => {
    const memory = makeShared();
    const thread = await Thread.start(memory);
    memory.addPool('later', { limit: 1000 });
    expect(await thread.do('reserve', { as: 'a', pool: 'later', bytes: 1001 })).toBe(false);
    expect(await thread.do('reserve', { as: 'a', pool: 'later', bytes: 600 })).toBe(true);
    expect(memory.pool('later').usedBytes).toBe(600);
    await expect(thread.do('reserve', { as: 'a', pool: 'none', bytes: 1 })).rejects.toThrow(StepError);
  });

  test('that enter the same thousand tags at the same time have one row for each in leaks', async () => {
    const memory = makeShared();
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    await Promise.all(threads.map((thread) => thread.do('enterTags', { count: 1000 })));
    const held = memory.pool('temp').reserveOrThrow(1, { tag: 'older than 0 s' });
    await eventually(() => memory.leaks({ ageSeconds: 0 }).totals.count === 2001);
    const rows = memory.leaks({ ageSeconds: 0 }).leaks.filter(({ pool }) => pool === 'cache');
    expect(rows).toHaveLength(1000);
    expect(rows.every(({ count }) => count === 2)).toBe(true);
    held.free();
  });

  test('that open and close a thousand users at the same time leave none', async () => {
    const memory = makeShared();
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    const users = { count: 1000, open: 20, pool: 'cache', bytes: 500 };
    await Promise.all(threads.map((thread) => thread.do('churnUsers', users)));
    await quiet(...threads);
    expect(openLedger(memory.ledgerMemory).scopes(10, 'used')).toEqual({ scopes: [], count: 0, usedBytes: 0 });
    expect(audit([memory], false)).toMatchObject({ problems: [], named: 0 });
    expect(memory.usedBytes).toBe(0);
    const ana = memory.openUser('user-7');
    expect(ana.limitBytes).toBe(Infinity);
    ana.close();
  });

  test('count one user once, with what all of them hold', async () => {
    const memory = makeShared();
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    for (const [index, thread] of threads.entries()) {
      await thread.do('openUser', { as: 'ana', ...(index === 0 ? { limit: 1000 } : {}) });
      await thread.do('openTransaction', { as: 't-1', user: 'ana' });
      await thread.do('openQuery', { as: 'q', user: 'ana', transaction: 't-1' });
      expect(await thread.do('reserve', { as: 'a', pool: 'cache', bytes: 400, scope: 'q' })).toBe(true);
      await quiet(thread);
    }
    const [first] = threads;
    expect(await first?.do('reserve', { as: 'b', pool: 'cache', bytes: 201, scope: 't-1' })).toBe(false);
    await expect(first?.do('reserveOrThrow', { pool: 'cache', bytes: 201, scope: 'q' })).rejects.toThrow(
      'User ana refused 201 B for worker in pool cache. 800 B of 1000 B (80.0 %) are in use, 200 B are free. Held by: worker 800 B in 2.',
    );
    const { scopes } = openLedger(memory.ledgerMemory).scopes(10, 'used');
    expect(
      scopes.map(({ kind, name, usedBytes, limitBytes }) => `${kind} ${name} ${usedBytes} ${limitBytes}`).toSorted(),
    ).toEqual(['query q 400 null', 'query q 400 null', 'transaction t-1 800 null', 'user ana 800 1000']);
    await expect(threads[1]?.do('openTransaction', { as: 't-1', user: 'bob' })).rejects.toMatchObject({
      code: 'MEMTOOL_INVALID_OPTION',
      message: 'Transaction t-1 belongs to user ana, not to user bob.',
    });
  });

  test('read the same from each', async () => {
    const memory = makeShared({ pools: { p: { limit: MIB } } });
    const threads = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    for (const thread of threads) await thread.do('allocate', { as: 'a', pool: 'p', bytes: 5000, tag: 'page' });
    memory.pool('p').reserveOrThrow(1);
    await quiet(...threads);
    for (const thread of threads) {
      const { pools } = await thread.do('stats');
      expect(pools.find(({ name }) => name === 'p')).toMatchObject({ usedBytes: 10_001, live: 3, allocations: 3 });
    }
    expect(poolStats(memory, 'p')).toMatchObject({ usedBytes: 10_001, live: 3, allocations: 3 });
  });
});
