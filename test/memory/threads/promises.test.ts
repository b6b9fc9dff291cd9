import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../../src/memory/limit-error.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import { codeOf, isGranted, poolStats } from '../make-manager.ts';
import { makeSides, receiveAllocation, turnEnds } from './sides.ts';

const MIB = 1024 * 1024;

function refusalOf(action: () => unknown): MemoryLimitError {
  try {
    action();
  } catch (error) {
    if (error instanceof MemoryLimitError) return error;
  }
  throw new Error('not refused');
}

function readings(sides: MemoryManager[]): unknown[] {
  return sides.map((side) => [side.stats(), side.pressure(), side.leaks({ ageSeconds: 1 })]);
}

describe('what a manager promises holds in every thread that shares it', () => {
  test('a second free() throws and changes nothing, a use after free likewise', () => {
    const { memory, other } = makeSides();
    for (const side of [memory, other]) {
      const reservation = side.pool('cache').reserveOrThrow(100, { tag: 'rows' });
      const allocation = side.pool('cache').allocateOrThrow(100, { tag: 'rows' });
      reservation.free();
      allocation.free();
      expect(codeOf(() => reservation.free())).toBe('MEMTOOL_DOUBLE_FREE');
      expect(codeOf(() => allocation.free())).toBe('MEMTOOL_DOUBLE_FREE');
      expect(codeOf(() => allocation.bytes)).toBe('MEMTOOL_USE_AFTER_FREE');
      expect(codeOf(() => reservation.tryGrow(1))).toBe('MEMTOOL_USE_AFTER_FREE');
      expect(() => reservation.free()).toThrow('tagged rows in pool cache');
    }
    expect(memory.usedBytes).toBe(0);
  });

  test('a refusal names those who hold most, in whichever thread, and what is in use in all of them', async () => {
    const { memory, other, third } = makeSides({ pools: { p: { limit: 1000 } } });
    memory.pool('p').reserveOrThrow(100, { tag: 'small' });
    await turnEnds();
    other.pool('p').reserveOrThrow(700, { tag: 'large' });
    await turnEnds();
    const refusal = refusalOf(() => third.pool('p').reserveOrThrow(300, { tag: 'asked' }));
    expect(refusal).toMatchObject({ code: 'MEMTOOL_LIMIT', account: 'p', usedBytes: 800, availableBytes: 200 });
    expect(refusal.message).toBe(
      'Pool p refused 300 B for asked. 800 B of 1000 B (80.0 %) are in use, 200 B are free. Held by: large 700 B in 1, small 100 B in 1.',
    );
    expect(poolStats(third, 'p')).toMatchObject({ usedBytes: 800, rejections: 1 });
  });

  test('a refusal by a user’s limit names what the user holds in other threads', async () => {
    const { memory, other } = makeSides();
    memory.openUser('ana', { limit: 1000 }).run(() => memory.pool('cache').reserveOrThrow(900, { tag: 'there' }));
    memory.pool('cache').reserveOrThrow(5000, { tag: 'of nobody' });
    await turnEnds();
    const query = other.openQuery('q', { user: 'ana' });
    const refusal = refusalOf(() => query.run(() => other.pool('cache').reserveOrThrow(101, { tag: 'here' })));
    expect(refusal.message).toBe(
      'User ana refused 101 B for here in pool cache. 900 B of 1000 B (90.0 %) are in use, 100 B are free. Held by: there 900 B in 1.',
    );
  });

  test('a refused request leaves no trace but a rejection', async () => {
    const { memory, other } = makeSides({ limit: 2000, pools: { p: { limit: 1000 } } });
    memory.pool('p').reserveOrThrow(600);
    await turnEnds();
    const before = { ...poolStats(other, 'p'), rejections: 0 };
    expect(isGranted(other.pool('p').reserve(500))).toBe(false);
    expect(isGranted(other.pool('p').allocate(500))).toBe(false);
    await turnEnds();
    expect({ ...poolStats(other, 'p'), rejections: 0 }).toEqual(before);
    expect(poolStats(memory, 'p').rejections).toBe(2);
    expect(isGranted(other.pool('p').reserve(400))).toBe(true);
  });

  test('stats, pressure and leaks are of all threads, and the same in each', async () => {
    const { memory, other, third, all, clock } = makeSides({ limit: 10 * MIB, pools: { p: { limit: 1000 } } });
    const held = [memory, other].map((side, index) =>
      side.pool('p').reserveOrThrow(400 + index, { tag: `of ${index}` }),
    );
    third.pool('cache').allocateOrThrow(5000);
    other.pool('p').reserveOrThrow(1).free();
    other.openUser('ana', { limit: 100 }).run(() => other.pool('temp').reserveOrThrow(90));
    await turnEnds();
    clock.advance(3);
    const [first, ...rest] = readings(all);
    for (const one of rest) expect(one).toEqual(first);
    expect(poolStats(third, 'p')).toMatchObject({
      usedBytes: 801,
      live: 2,
      allocations: 3,
      frees: 1,
      level: 'warning',
    });
    expect(memory.leaks({ ageSeconds: 1 }).totals).toMatchObject({ count: 4, bytes: 801 + 5000 + 90 });
    for (const one of held) one.free();
  });

  test('a batch is freed with its scope, and charged to its user in all threads', async () => {
    const { memory, other } = makeSides();
    const ana = memory.openUser('ana', { limit: MIB });
    const query = other.openQuery('q', { user: 'ana' });
    const batch = query.batch(other.pool('query'));
    expect(batch.allocate(100_000)?.length).toBe(100_000);
    await turnEnds();
    expect(ana.usedBytes).toBe(100_000);
    query.close();
    await turnEnds();
    expect(ana.usedBytes).toBe(0);
  });

  test('a forced cleanup revokes what its own thread holds, and nothing else', async () => {
    const { memory, other, clock } = makeSides({ pools: { p: {} } });
    const [here, there] = [memory, other].map((side) => side.pool('p').allocateOrThrow(100, { tag: 'old' }));
    clock.advance(10);
    const { reclaimed } = await memory.cleanup({ force: true, ageSeconds: 5 });
    expect(reclaimed).toMatchObject([{ kind: 'stale', tag: 'old', count: 1, bytes: 100 }]);
    expect(codeOf(() => here?.bytes)).toBe('MEMTOOL_REVOKED');
    expect(there?.bytes.length).toBe(100);
    // What another thread holds is told by a cleanup of that one.
    expect((await memory.cleanup({ ageSeconds: 5 })).left).toEqual([]);
    expect((await other.cleanup({ ageSeconds: 5 })).left).toMatchObject([
      { kind: 'stale', tag: 'old', count: 1, bytes: 100 },
    ]);
  });

  test('a pool with staleAfter loses what is stale in every thread', async () => {
    const { memory, other, clock } = makeSides({ pools: { p: { staleAfter: '10s' } } });
    const held = [memory, other].map((side) => side.pool('p').reserveOrThrow(100));
    clock.advance(20);
    await turnEnds();
    expect(held.map(({ isHeld }) => isHeld)).toEqual([false, false]);
    expect(memory.usedBytes).toBe(0);
  });

  test('with poison, a write after free is found, also to bytes that another thread had', async () => {
    const { memory, other, clock } = makeSides({ poison: true, pools: { p: { blockSize: 4096 } } });
    const sent = memory.pool('p').allocateOrThrow(100_000, { tag: 'sent' });
    const received = receiveAllocation(other, sent.transfer());
    const late = received.bytes;
    received.free();
    clock.advance(5);
    late[17] = 1;
    const take = (): unknown => memory.pool('p').allocate(100_000);
    expect(codeOf(take)).toBe('MEMTOOL_WRITE_AFTER_FREE');
    expect(isGranted(memory.pool('p').allocate(100_000))).toBe(true);
    await turnEnds();
  });
});

describe('levels', () => {
  test('rise and fall in every thread, each of which tells it once', async () => {
    const { memory, other, third, all, clock } = makeSides({ limit: 2000, pools: { p: { limit: 1000 } } });
    const seen: string[][] = all.map((side) => {
      const events: string[] = [];
      side.on('pressure', ({ account, level, usedBytes }) => events.push(`${account.name} ${level} ${usedBytes}`));
      return events;
    });
    const passes = async (): Promise<void> => {
      await turnEnds();
      clock.advance(1);
      await turnEnds();
    };
    const held = [memory.pool('p').reserveOrThrow(810)];
    await passes();
    held.push(other.pool('p').reserveOrThrow(150));
    await passes();
    expect(all.map((side) => side.pool('p').level)).toEqual(['critical', 'critical', 'critical']);
    third.pool('cache').reserveOrThrow(700);
    await passes();
    for (const one of held) one.free();
    await passes();
    expect(seen).toEqual(
      all.map(() => ['p warning 810', 'p critical 960', 'test warning 1660', 'p normal 0', 'test normal 700']),
    );
    expect(all.map(({ level }) => level)).toEqual(['normal', 'normal', 'normal']);
  });

  test('of a user, likewise', async () => {
    const { memory, other, clock } = makeSides();
    const events: string[] = [];
    memory.on('pressure', ({ account, level }) => events.push(`${account.kind} ${account.name} ${level}`));
    memory.openUser('ana', { limit: 1000 });
    const there = other.openUser('ana');
    const held = there.run(() => other.pool('cache').reserveOrThrow(990));
    await turnEnds();
    clock.advance(1);
    await turnEnds();
    expect(memory.pressure().resources).toMatchObject([
      {},
      {},
      {},
      { name: 'user ana', level: 'critical', usedBytes: 990 },
    ]);
    held.free();
    clock.advance(1);
    await turnEnds();
    expect(events).toEqual(['user ana critical', 'user ana normal']);
  });

  test('have the reclaimers of every thread asked, until there is enough', async () => {
    const { memory, other, clock } = makeSides({ autoCleanup: true, pools: { p: { limit: 1000 } } });
    const asked: string[] = [];
    for (const [name, side] of [
      ['here', memory],
      ['there', other],
    ] as const) {
      const held = side.pool('p').reserveOrThrow(300, { tag: name });
      side.onReclaim('p', () => {
        asked.push(name);
        held.free();
        return 300;
      });
    }
    await turnEnds();
    memory.pool('p').reserveOrThrow(250);
    await turnEnds();
    await turnEnds();
    expect(asked).toEqual(['here']);
    expect(memory.pool('p').usedBytes).toBe(550);
    other.pool('p').reserveOrThrow(300);
    clock.advance(1);
    await turnEnds();
    await turnEnds();
    expect(asked).toEqual(['here', 'there']);
  });
});
