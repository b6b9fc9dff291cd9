import { expect, test } from 'vitest';
import { HEADER, RECORD_LINK, SEGMENT_RECORDS } from '../../../src/memory/ledger/layout.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import { poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { eventually, inherited, makeShared } from './shared-manager.ts';
import { joinSide, makeSides, receiveReservation, turnEnds } from './sides.ts';
import { Thread } from './thread.ts';

function countFree({ ledger }: MemoryManager): number {
  let count = 0;
  for (let record = ledger.freeRecord; record !== 0; record = ledger.word((record << 3) + RECORD_LINK)) count += 1;
  return count;
}

/** As many records as there are in the tables of these tests, and more. */
const MANY = 60_000;

test('records go back where they came from, when memory is sent one way only', async () => {
  const { memory, other, all, clock } = makeSides();
  for (let sent = 0; sent < MANY; sent += 1) {
    const ticket = other.pool('cache').reserveOrThrow(10, { tag: 'result' }).transfer();
    receiveReservation(memory, ticket).free();
    if (sent % 2000 === 0) clock.advance(1);
  }
  expect(memory.stats().manager.unrecorded).toBe(0);
  expect(memory.ledger.word(HEADER.segmentCount)).toBeLessThan(8);
  await turnEnds();
  expect(audit(all).problems).toEqual([]);
});

test('records are kept as long as they are held, and only then given to others', async () => {
  const { memory, other, all, clock } = makeSides();
  const held = Array.from({ length: 5000 }, () =>
    receiveReservation(memory, other.pool('cache').reserveOrThrow(1, { tag: 'held' }).transfer()),
  );
  clock.advance(2);
  expect(audit(all).problems).toEqual([]);
  expect(held.every(({ isHeld }) => isHeld)).toBe(true);
  for (const one of held) one.free();
  clock.advance(1);
  for (let taken = 0; taken < 5000; taken += 1) other.pool('cache').reserveOrThrow(1, { tag: 'again' });
  expect(memory.ledger.word(HEADER.segmentCount)).toBeLessThan(8);
  expect(memory.stats().manager.unrecorded).toBe(0);
  expect(poolStats(memory, 'cache')).toMatchObject({ live: 5000, usedBytes: 5000 });
  await turnEnds();
  expect(audit(all).problems).toEqual([]);
});

test('records of threads that died with thousands are there for those that come after', async () => {
  const memory = makeShared({ recordsMax: 16 * 1024, pools: { p: {} } });
  for (let round = 0; round < 5; round += 1) {
    const thread = await Thread.start(memory);
    expect(await thread.do('reserveMany', { count: 5000, pool: 'p', bytes: 1 })).toBe(5000);
    await thread.end();
    await inherited(memory, 1);
    await memory.cleanup();
    // With the next tick the heir gives them away.
    await eventually(() => countFree(memory) < SEGMENT_RECORDS);
  }
  expect(memory.stats().manager.unrecorded).toBe(0);
  expect(memory.usedBytes).toBe(0);
});

test('a thread that joins under an old number leaves spare records alone', () => {
  const { memory, other, third, clock } = makeSides();
  for (let sent = 0; sent < 4000; sent += 1)
    receiveReservation(memory, other.pool('cache').reserveOrThrow(10, { tag: 'x' }).transfer()).free();
  other.close();
  clock.advance(1);
  const next = joinSide(memory, clock);
  expect(next.ledger.thread).toBe(other.ledger.thread);
  for (let taken = 0; taken < 6000; taken += 1) next.pool('cache').reserveOrThrow(1, { tag: 'x' });
  expect(audit([memory, third, next]).problems).toEqual([]);
});
