import { describe, expect, test } from 'vitest';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import { codeOf, isGranted, makeManager, poolStats, wrong } from '../make-manager.ts';
import { audit } from './audit.ts';
import { makeSides, posted, receiveAllocation, receiveReservation, turnEnds, type Sides } from './sides.ts';

const LIMIT = 10 * 1024 * 1024;

function make(): Sides {
  return makeSides({ pools: { p: { limit: LIMIT }, q: {} } });
}

async function expectNothingLeft({ memory, all, clock }: Sides): Promise<void> {
  await turnEnds();
  clock.advance(10);
  await turnEnds();
  const { problems, pools } = audit(all);
  expect(problems).toEqual([]);
  expect(memory.usedBytes).toBe(0);
  // Of what has no limit some may stay drawn.
  expect(pools[memory.pool('p').index]?.drawnBytes).toBe(0);
  expect(poolStats(memory, 'p').live).toBe(0);
}

describe('a reservation', () => {
  test('that is sent is charged to its pool all the way, and is a reservation like any other where it is received', async () => {
    const sides = make();
    const { memory, other } = sides;
    const held = memory.pool('p').reserveOrThrow(1000, { tag: 'rows' });
    const ticket = posted(held.transfer());
    expect([memory, other].map((side) => side.pool('p').usedBytes)).toEqual([1000, 1000]);
    expect(poolStats(memory, 'p')).toMatchObject({ usedBytes: 1000, live: 1, allocations: 1, frees: 0 });
    expect(held.isHeld).toBe(false);
    const received = receiveReservation(other, ticket);
    expect(received.toJSON()).toEqual({ pool: 'p', size: 1000, tag: 'rows', isHeld: true });
    expect(received.tryGrow(500)).toBe(true);
    received.shrink(1400);
    expect(received.resize(50)).toBe(true);
    expect(received.transferTo(other.pool('q'))).toBe(true);
    expect(memory.pool('q').usedBytes).toBe(50);
    received.free();
    expect(codeOf(() => received.free())).toBe('MEMTOOL_DOUBLE_FREE');
    await expectNothingLeft(sides);
  });

  test('cannot be used by the sender any more, and the error says that it may have been sent', () => {
    const { memory } = make();
    const held = memory.pool('p').reserveOrThrow(1000, { tag: 'rows' });
    held.transfer();
    for (const use of [
      () => held.tryGrow(1),
      () => held.shrink(1),
      () => held.transferTo(memory.pool('q')),
      () => held.transfer(),
    ]) {
      expect(codeOf(use)).toBe('MEMTOOL_USE_AFTER_FREE');
      expect(use).toThrow(/sent/);
    }
    expect(codeOf(() => held.free())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(() => held.free()).toThrow(/sent/);
    held[Symbol.dispose]();
    expect(memory.pool('p').usedBytes).toBe(1000);
  });

  test('can be received by its sender, when nobody else will', async () => {
    const sides = make();
    const ticket = sides.memory.pool('p').reserveOrThrow(1000).transfer();
    receiveReservation(sides.memory, ticket).free();
    await expectNothingLeft(sides);
  });

  test('of a full pool can be sent: nothing more is asked for', async () => {
    const sides = make();
    const ticket = sides.memory.pool('p').reserveOrThrow(LIMIT).transfer();
    await turnEnds();
    expect(isGranted(sides.other.pool('p').reserve(1))).toBe(false);
    const received = receiveReservation(sides.other, ticket);
    expect(received.tryGrow(1)).toBe(false);
    expect(isGranted(sides.third.pool('p').reserve(1))).toBe(false);
    received.free();
    await turnEnds();
    expect(isGranted(sides.third.pool('p').reserve(LIMIT))).toBe(true);
  });
});

describe('an allocation', () => {
  test.each([0, 1, 100, 4096, 100_000, 2_000_000])(
    'of %i bytes goes round four threads and back with its bytes, which are not copied',
    async (size) => {
      const sides = make();
      const { memory, other, third } = sides;
      let at: MemoryAllocation = memory.pool('p').allocateOrThrow(size, { tag: 'ring' });
      for (const [hop, next] of [other, third, other, memory, third, memory].entries()) {
        const before = at.bytes.fill(hop + 1);
        at = receiveAllocation(next, at.transfer());
        expect(at.bytes.length).toBe(size);
        expect(at.bytes.every((byte) => byte === hop + 1)).toBe(true);
        // What is written there is seen here.
        at.bytes.fill(hop + 101);
        expect(before.every((byte) => byte === hop + 101)).toBe(true);
        expect(memory.pool('p').usedBytes).toBe(size);
      }
      at.free();
      await expectNothingLeft(sides);
      await memory.cleanup();
      expect(poolStats(memory, 'p').reservedBytes).toBe(0);
    },
  );

  test('is not given to anybody else while it is on its way, not even from its second sender', () => {
    const { memory, other, third, clock } = make();
    const first = memory.pool('p').allocateOrThrow(100_000);
    first.bytes.fill(7);
    const ticket = posted(receiveAllocation(other, first.transfer()).transfer());
    // What is lent is looked through every five seconds.
    clock.advance(5);
    memory.pool('p').allocateOrThrow(100_000).bytes.fill(9);
    expect(receiveAllocation(third, ticket).bytes.every((byte) => byte === 7)).toBe(true);
  });

  test('that was freed over there is the sender’s to use again', async () => {
    const sides = make();
    const { memory, other, clock } = sides;
    for (let round = 0; round < 300; round += 1) {
      const sent = memory.pool('p').allocateOrThrow(50_000, { tag: 'round' });
      receiveAllocation(other, sent.transfer()).free();
    }
    expect(poolStats(memory, 'p').reservedBytes).toBeLessThan(3 * 1024 * 1024);
    clock.advance(5);
    await memory.cleanup();
    expect(poolStats(memory, 'p').reservedBytes).toBe(0);
    await expectNothingLeft(sides);
  });

  test('cannot be looked at by the sender any more', () => {
    const { memory } = make();
    const held = memory.pool('p').allocateOrThrow(1000, { tag: 'page' });
    held.transfer();
    expect(codeOf(() => held.bytes)).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(() => held.bytes).toThrow('The allocation of 1000 B tagged page in pool p was freed or sent away');
    expect(codeOf(() => held.transfer())).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(codeOf(() => held.free())).toBe('MEMTOOL_DOUBLE_FREE');
    held[Symbol.dispose]();
  });
});

describe('`using`', () => {
  test('frees what was not sent, and leaves alone what was', () => {
    const { memory, other } = make();
    const send = (): ReturnType<MemoryReservation['transfer']> => {
      using kept = memory.pool('p').reserveOrThrow(10);
      using sent = memory.pool('p').allocateOrThrow(1000);
      expect(kept.isHeld).toBe(true);
      return posted(sent.transfer());
    };
    const ticket = send();
    expect(memory.pool('p').usedBytes).toBe(1000);
    {
      using received = receiveAllocation(other, ticket);
      expect(received.bytes.length).toBe(1000);
    }
    expect(memory.pool('p').usedBytes).toBe(0);
  });
});

describe('a ticket', () => {
  test('is good once, and the second time is an error in any thread', () => {
    const { memory, other, third } = make();
    const ticket = memory.pool('p').allocateOrThrow(1000).transfer();
    const received = receiveAllocation(other, ticket);
    for (const side of [other, third, memory])
      expect(codeOf(() => side.receive(posted(ticket)))).toBe('MEMTOOL_NOT_IN_TRANSIT');
    const again = received.transfer();
    expect(codeOf(() => third.receive(posted(ticket)))).toBe('MEMTOOL_NOT_IN_TRANSIT');
    receiveAllocation(third, again).free();
    expect(codeOf(() => third.receive(posted(again)))).toBe('MEMTOOL_NOT_IN_TRANSIT');
  });

  test('of another manager is refused, and is still good where it belongs', () => {
    const { memory } = make();
    const { memory: stranger } = make();
    const ticket = memory.pool('p').reserveOrThrow(10).transfer();
    expect(codeOf(() => stranger.receive(posted(ticket)))).toBe('MEMTOOL_INVALID_OPTION');
    expect(receiveReservation(memory, ticket).size).toBe(10);
  });

  test('that is none, or that JSON has made another of, is refused and leaves no trace', () => {
    const { memory, other, all } = make();
    const ticket = posted(memory.pool('p').allocateOrThrow(1000, { tag: 'page' }).transfer());
    const reservation = posted(memory.pool('p').reserveOrThrow(10).transfer());
    const { place, ...bare } = ticket;
    const bad: unknown[] = [
      undefined,
      null,
      7,
      'ticket',
      {},
      [],
      JSON.parse(JSON.stringify(ticket)),
      bare,
      { ...ticket, place: { ...place, offset: -1 } },
      { ...ticket, place: { ...place, offset: 2 ** 40 } },
      { ...ticket, place: { ...place, loan: undefined } },
      { ...ticket, size: 10 },
      { ...ticket, memtool: 'reservation' },
      { ...ticket, record: -1 },
      { ...ticket, record: 0 },
      { ...ticket, record: ticket.record + 0.5 },
      { ...ticket, record: NaN },
      { ...ticket, record: 1e9 },
      { ...reservation, size: 1e6 },
      { ...reservation, place },
      { ...reservation, memtool: 'allocation' },
    ];
    const before = poolStats(memory, 'p');
    for (const one of bad) {
      expect(
        codeOf(() => other.receive(wrong(one))),
        JSON.stringify(one),
      ).toBe('MEMTOOL_INVALID_OPTION');
      expect(() => other.receive(wrong(one))).toThrow('was not sent by a thread of this manager');
    }
    expect(codeOf(() => other.receive({ ...ticket, record: ticket.record + 5 }))).toBe('MEMTOOL_NOT_IN_TRANSIT');
    expect(codeOf(() => other.receive({ ...ticket, generation: ticket.generation + 2 }))).toBe(
      'MEMTOOL_NOT_IN_TRANSIT',
    );
    expect(poolStats(memory, 'p')).toEqual(before);
    expect(audit(all).problems).toEqual([]);
    expect(receiveAllocation(other, ticket).bytes.length).toBe(1000);
    expect(receiveReservation(other, reservation).size).toBe(10);
  });

  test('that nobody receives is seen in leaks, and only a forced cleanup takes it', async () => {
    const sides = make();
    const { memory, other, clock } = sides;
    const ticket = posted(memory.pool('p').allocateOrThrow(1000, { tag: 'unclaimed' }).transfer());
    clock.advance(20);
    for (const side of [memory, other])
      expect(side.leaks({ ageSeconds: 10 }).leaks).toMatchObject([
        { kind: 'stale', tag: 'unclaimed', bytes: 1000, verdict: 'suspect' },
      ]);
    for (const side of [memory, other]) expect((await side.cleanup({ ageSeconds: 10 })).reclaimed).toEqual([]);
    // Whoever sent it is who can give it up.
    expect((await other.cleanup({ ageSeconds: 10, force: true })).reclaimed).toEqual([]);
    expect((await memory.cleanup({ ageSeconds: 10, force: true })).reclaimed).toMatchObject([
      { tag: 'unclaimed', bytes: 1000 },
    ]);
    expect(codeOf(() => other.receive(ticket))).toBe('MEMTOOL_NOT_IN_TRANSIT');
    expect(() => other.receive(ticket)).toThrow('a forced cleanup took it');
    await expectNothingLeft(sides);
  });

  test('whose sender has closed its manager can be given up by any other', async () => {
    const { memory, other, clock } = make();
    other.pool('p').reserveOrThrow(1000, { tag: 'unclaimed' }).transfer();
    other.close();
    clock.advance(20);
    expect((await memory.cleanup({ ageSeconds: 10, force: true })).reclaimed).toMatchObject([
      { tag: 'unclaimed', bytes: 1000 },
    ]);
    expect(memory.pool('p').usedBytes).toBe(0);
  });

  test('is not received by a manager that was closed, and another can have it', () => {
    const { memory, other, third } = make();
    const ticket = memory.pool('p').reserveOrThrow(10).transfer();
    other.close();
    expect(codeOf(() => other.receive(posted(ticket)))).toBe('MEMTOOL_CLOSED');
    expect(receiveReservation(third, ticket).size).toBe(10);
  });
});

describe('what cannot be sent', () => {
  test('is what was freed, what cleanup took, and what has no record', async () => {
    const { memory, clock } = make();
    const freed = [memory.pool('p').reserveOrThrow(10), memory.pool('p').allocateOrThrow(10)];
    for (const one of freed) {
      one.free();
      expect(codeOf(() => one.transfer())).toBe('MEMTOOL_USE_AFTER_FREE');
    }
    const revoked = [memory.pool('p').reserveOrThrow(10), memory.pool('p').allocateOrThrow(10)];
    clock.advance(10);
    await memory.cleanup({ force: true, ageSeconds: 1 });
    for (const one of revoked) expect(codeOf(() => one.transfer())).toBe('MEMTOOL_REVOKED');
    expect(memory.pool('p').usedBytes).toBe(0);
    const { memory: full } = makeManager();
    full.share();
    for (let index = 0; index < 1024; index += 1) full.pool('cache').reserveOrThrow(1);
    for (const one of [full.pool('cache').reserveOrThrow(10), full.pool('cache').allocateOrThrow(10)]) {
      expect(codeOf(() => one.transfer())).toBe('MEMTOOL_NOT_IN_TRANSIT');
      expect(one.isHeld).toBe(true);
    }
  });
});
