import { describe, expect, test } from 'vitest';
import { HEADER } from '../../../src/memory/ledger/layout.ts';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { codeOf, isGranted, makeManager, wrong } from '../make-manager.ts';
import { ManualClock } from '../manual-clock.ts';
import { audit } from './audit.ts';
import { joinSide, makeSides, posted, receiveAllocation, receiveReservation, turnEnds } from './sides.ts';

/** As many threads can share a manager, the one that made it included. */
const THREADS_MAX = 64;

function poolFacts(side: MemoryManager) {
  return side.pools.map(({ name, limitBytes, blockBytes }) => [name, limitBytes, blockBytes]);
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a thread that joins', () => {
  test('has the same manager: its name, limit, thresholds, pools with their limits and blocks', () => {
    const { memory, other } = makeSides({
      name: 'orders',
      limit: '1GiB',
      thresholds: { warning: 0.5, critical: 0.9 },
      pools: { results: { limit: '200MB', blockSize: '8KiB' }, ünï: { limit: 77 }, free: {} },
    });
    expect(other.name).toBe('orders');
    expect(other.limitBytes).toBe(2 ** 30);
    expect(other.thresholds).toEqual({ warning: 0.5, critical: 0.9 });
    expect(poolFacts(other)).toEqual(poolFacts(memory));
    expect(other.pool('results').blockBytes).toBe(8192);
    expect(other.pool('ünï').limitBytes).toBe(77);
    expect(other.pool('free').limitBytes).toBe(Infinity);
    expect(other.ledgerId).toBe(memory.ledgerId);
  });

  test('finds what was charged before it came, and before the manager was shared', () => {
    const { memory, clock } = makeManager({ pools: { p: { limit: 1000 } } });
    memory.pool('p').reserveOrThrow(600);
    const other = joinSide(memory, clock);
    expect(other.pool('p').usedBytes).toBe(600);
    expect(isGranted(other.pool('p').reserve(401))).toBe(false);
    expect(isGranted(other.pool('p').reserve(400))).toBe(true);
    expect(memory.usedBytes).toBe(1000);
  });

  test('with what a later share() gave has the same manager, too', () => {
    const { memory, clock } = makeManager();
    const [first, second] = [memory.share(), memory.share()];
    expect(second.ledger).toBe(first.ledger);
    const sides = [first, second].map((shared) => MemoryManager.join(shared, clock));
    sides[0]?.pool('cache').reserveOrThrow(10);
    expect(sides[1]?.pool('cache').usedBytes).toBe(10);
    for (const side of sides) side.close();
  });

  test('finds pools that were added later, and their limits', async () => {
    const { memory, other } = makeSides();
    const later = memory.addPool('later', { limit: 5000 });
    later.reserveOrThrow(1000);
    expect(other.usedBytes).toBe(1000);
    expect(JSON.stringify(other)).toBe(JSON.stringify(memory));
    expect(other.pool('later').limitBytes).toBe(5000);
    expect(other.pools.map(({ name }) => name)).toEqual(memory.pools.map(({ name }) => name));
    await turnEnds();
    expect(isGranted(other.pool('later').reserve(4001))).toBe(false);
    expect(isGranted(other.pool('later').reserve(4000))).toBe(true);
  });

  test('cannot add a pool, and is told who can', () => {
    const { other } = makeSides();
    const refused = errorOf(() => other.addPool('mine', { limit: 10 }));
    expect(refused).toMatchObject({
      code: 'MEMTOOL_INVALID_OPTION',
      message: 'Pool "mine" cannot be added by a thread that joined.',
      hint: 'Add it in the thread that made the manager: it is then there for all.',
    });
  });
});

describe('join', () => {
  const GARBAGE: [what: string, given: unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', {}],
    ['bare memory', new SharedArrayBuffer(4096)],
    ['no memory', { memtool: 'shared-memory', ledger: new SharedArrayBuffer(0) }],
    ['a few bytes', { memtool: 'shared-memory', ledger: new SharedArrayBuffer(10) }],
    ['memory of somebody else', { memtool: 'shared-memory', ledger: new SharedArrayBuffer(2 ** 20) }],
    ['memory that is not shared', { memtool: 'shared-memory', ledger: new ArrayBuffer(2 ** 20) }],
    [
      'what JSON made of it',
      JSON.parse(JSON.stringify({ memtool: 'shared-memory', ledger: new SharedArrayBuffer(8) })),
    ],
  ];

  test.each(GARBAGE)('of %s is refused, and says what to give', (_, given) => {
    expect(errorOf(() => MemoryManager.join(wrong(given)))).toMatchObject({
      code: 'MEMTOOL_INVALID_OPTION',
      hint: expect.stringContaining('memory.share()'),
    });
  });

  test('of another version of the ledger is refused before anything is written to it', () => {
    const { memory } = makeManager();
    const shared = memory.share();
    memory.ledger.words[HEADER.version] = 99;
    const before = new Uint8Array(shared.ledger).slice();
    expect(errorOf(() => MemoryManager.join(shared))).toMatchObject({
      code: 'MEMTOOL_LEDGER_VERSION',
      message: 'The ledger is of version 99; this memtool reads version 1.',
      hint: expect.stringContaining('same memtool in both threads'),
    });
    expect(Buffer.compare(new Uint8Array(shared.ledger), before)).toBe(0);
  });

  test('is refused to one thread more than there is room for, until another has left', () => {
    const { memory, other, clock } = makeSides();
    for (let threads = 3; threads < THREADS_MAX; threads += 1) joinSide(memory, clock);
    expect(errorOf(() => joinSide(memory, clock))).toMatchObject({
      code: 'MEMTOOL_TOO_MANY_THREADS',
      hint: expect.stringContaining('close()'),
    });
    other.close();
    const again = joinSide(memory, clock);
    expect(isGranted(again.pool('cache').reserve(100))).toBe(true);
  });

  test('and close 300 times over leaves nothing behind', async () => {
    const { memory, other, third, clock } = makeSides({ pools: { p: { limit: '1MiB' } } });
    for (let round = 0; round < 300; round += 1) {
      const side = MemoryManager.join(memory.share(), clock);
      side.pool('p').reserveOrThrow(1000, { tag: 'x' }).free();
      side.pool('p').allocateOrThrow(1000, { tag: 'x' }).free();
      const user = side.openUser(`user-${round % 7}`, { limit: 5000 });
      user.run(() => side.pool('p').reserve(10, { tag: 'x' })?.free());
      user.close();
      side.close();
    }
    await turnEnds();
    const { problems, threads, named, pools } = audit([memory, other, third], false);
    expect(problems).toEqual([]);
    expect(threads).toHaveLength(3);
    expect(named).toBe(0);
    expect(pools.every(({ drawnBytes }) => drawnBytes === 0)).toBe(true);
    // One segment of records served them all.
    expect(memory.ledger.word(HEADER.segmentCount)).toBeLessThanOrEqual(2);
    expect(memory.ledger.word(HEADER.scopeRows)).toBeLessThanOrEqual(3);
    expect(memory.stats().pools.find(({ name }) => name === 'p')).toMatchObject({
      allocations: 900,
      frees: 900,
      live: 0,
    });
  });
});

describe('close', () => {
  test('of one side leaves the others alone', async () => {
    const { memory, other, third } = makeSides({ pools: { p: { limit: 1000 } } });
    memory.close();
    expect(codeOf(() => memory.share())).toBe('MEMTOOL_CLOSED');
    expect(codeOf(() => memory.pool('p').reserve(1))).toBe('MEMTOOL_CLOSED');
    other.pool('p').reserveOrThrow(600);
    await turnEnds();
    expect(isGranted(third.pool('p').reserve(401))).toBe(false);
    expect(isGranted(third.pool('p').reserve(400))).toBe(true);
    const ticket = other.pool('p').reserveOrThrow(0).transfer();
    expect(receiveReservation(third, ticket).isHeld).toBe(true);
  });

  test('gives back at once what was drawn in advance, and what is held when it is freed', async () => {
    const { memory, other } = makeSides({ pools: { p: { limit: '1MiB' }, free: {} } });
    const held = other.pool('p').reserveOrThrow(1000);
    other.pool('free').reserveOrThrow(1).free();
    other.close();
    other.close();
    expect(isGranted(memory.pool('p').reserve(2 ** 20 - 1000))).toBe(true);
    await memory.setLimit(memory.pool('free'), 100);
    expect(isGranted(memory.pool('free').reserve(100))).toBe(true);
    expect(held.isHeld).toBe(true);
    held.free();
    expect(memory.pool('p').usedBytes).toBe(2 ** 20 - 1000);
  });

  test('with something still held keeps the row of the thread, so that it is never charged to another', async () => {
    const { memory, other, clock } = makeSides({ pools: { p: {} } });
    const held = other.pool('p').reserveOrThrow(1000, { tag: 'kept' });
    other.close();
    const next = joinSide(memory, clock);
    expect(next.ledger.thread).not.toBe(other.ledger.thread);
    held.free();
    expect(memory.usedBytes).toBe(0);
    await turnEnds();
    expect(audit([memory, other, next], false).problems).toEqual([]);
  });

  test('with something on its way frees the row, and it can be received all the same', async () => {
    const { memory, other, third, clock } = makeSides({ pools: { p: { limit: '1MiB' } } });
    const bytes = other.pool('p').allocateOrThrow(5000, { tag: 'result' });
    bytes.bytes.fill(5);
    const tickets = [bytes.transfer(), other.pool('p').reserveOrThrow(100, { tag: 'result' }).transfer()].map(posted);
    other.close();
    expect(audit([memory, third], false).threads).toHaveLength(2);
    const next = joinSide(memory, clock);
    expect(next.ledger.thread).toBe(other.ledger.thread);
    for (let index = 0; index < 2000; index += 1) next.pool('p').reserveOrThrow(10, { tag: 'next' });
    expect(memory.pool('p').usedBytes).toBe(25_100);
    const [first, second] = tickets.map((ticket) => third.receive(ticket));
    expect(first !== undefined && 'bytes' in first && first.bytes.every((byte) => byte === 5)).toBe(true);
    first?.free();
    second?.free();
    await turnEnds();
    expect(audit([memory, third, next]).problems).toEqual([]);
    expect(memory.pool('p').usedBytes).toBe(20_000);
  });

  test('while somebody may still look at bytes that were lent keeps the row: they are not reused', async () => {
    const { memory, other, clock } = makeSides({ pools: { p: {} } });
    const received = receiveAllocation(other, memory.pool('p').allocateOrThrow(100_000, { tag: 'lent' }).transfer());
    const view = received.bytes.fill(7).subarray(10, 20);
    clock.advance(2);
    await other.cleanup({ force: true, ageSeconds: 1 });
    other.close();
    clock.advance(10);
    for (let index = 0; index < 40; index += 1) memory.pool('p').allocateOrThrow(100_000).bytes.fill(9);
    expect([...view]).toEqual(Array.from({ length: 10 }, () => 7));
  });

  test('of a side does not let it touch what is another thread’s by now', async () => {
    const { memory, other, clock } = makeSides({ pools: { p: {} } });
    other.close();
    const next = joinSide(memory, clock);
    expect(next.ledger.thread).toBe(other.ledger.thread);
    const held = next.pool('p').reserveOrThrow(1000, { tag: 'next' });
    clock.advance(5);
    expect(await other.cleanup({ force: true, ageSeconds: 1 })).toEqual({ reclaimed: [], left: [] });
    expect(other.stats().pools).toEqual(memory.stats().pools);
    expect(held.isHeld).toBe(true);
    expect(audit([memory, next], false).problems).toEqual([]);
  });

  test('of the one that made it does not stop others from joining', () => {
    const { memory, clock } = makeManager();
    const shared = memory.share();
    memory.close();
    const joined = MemoryManager.join(shared, clock);
    expect(isGranted(joined.pool('cache').reserve(10))).toBe(true);
    joined.close();
  });
});

test('nothing can be sent by a manager that is one thread’s alone, and the error says what to do', () => {
  const memory = new MemoryManager({ agent: false, recordsMax: 1024 }, new ManualClock());
  const refused = { code: 'MEMTOOL_NOT_SHARED', hint: expect.stringContaining('share()') };
  const held = memory.pool('cache').reserveOrThrow(10);
  expect(errorOf(() => held.transfer())).toMatchObject(refused);
  expect(errorOf(() => memory.pool('cache').allocateOrThrow(10).transfer())).toMatchObject(refused);
  expect(errorOf(() => memory.receive(wrong({})))).toMatchObject(refused);
  expect(held.isHeld).toBe(true);
  held.free();
  memory.close();
});
