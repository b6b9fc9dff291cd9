import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { eventually, inherited, makeShared, quiet } from './shared-manager.ts';
import { receiveAllocation, receiveReservation } from './sides.ts';
import { Thread } from './thread.ts';

const MIB = 1024 * 1024;

function make(): MemoryManager {
  return makeShared({ pools: { p: { limit: 64 * MIB } } });
}

/** Takes bytes of a thread's arena until what it has lent is back, or would have to be. */
async function churn(thread: Thread, bytes: number): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    await thread.do('allocate', { as: `churn-${round}`, pool: 'p', bytes, fill: 99 });
  }
}

describe('memory goes from thread to thread', () => {
  test.each([0, 100, 5000, 2 * MIB])(
    'round four of them and back to the first, %i bytes and no copy',
    async (bytes) => {
      const memory = make();
      const threads = await Promise.all([Thread.start(memory), Thread.start(memory), Thread.start(memory)]);
      const mine = memory.pool('p').allocateOrThrow(bytes, { tag: 'ring' });
      const first = mine.bytes.fill(1);
      let ticket: TransferredMemory = mine.transfer();
      for (const [index, thread] of threads.entries()) {
        expect(await thread.do('receive', { as: 'a', ticket })).toBe(true);
        expect(await thread.do('value', { as: 'a' })).toBe(bytes === 0 ? 0 : index + 1);
        await thread.do('keepView', { as: 'a' });
        await thread.do('fill', { as: 'a', value: index + 2 });
        expect(first.every((byte) => byte === index + 2)).toBe(true);
        ticket = await thread.do('transfer', { as: 'a' });
        expect(memory.pool('p').usedBytes).toBe(bytes);
      }
      const back = receiveAllocation(memory, ticket);
      back.bytes.fill(77);
      for (const thread of threads) expect(await thread.do('viewValue', { as: 'a' })).toBe(bytes === 0 ? 0 : 77);
      back.free();
      await quiet(...threads);
      expect(memory.pool('p').usedBytes).toBe(0);
      expect(audit([memory], false).problems).toEqual([]);
    },
  );

  test('a ticket is good in one thread only', async () => {
    const memory = make();
    const [first, second] = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    for (let round = 0; round < 50; round += 1) {
      const ticket = memory.pool('p').reserveOrThrow(1000).transfer();
      const tries = await Promise.allSettled(
        [first, second].map((thread) => thread.do('receive', { as: 'a', ticket })),
      );
      const refused = tries.filter(({ status }) => status === 'rejected');
      expect(refused).toMatchObject([{ reason: { code: 'MEMTOOL_NOT_IN_TRANSIT' } }]);
      expect(memory.pool('p').usedBytes).toBe(1000);
      const winner = tries[0]?.status === 'fulfilled' ? first : second;
      await winner.do('free', { as: 'a' });
    }
    expect(memory.pool('p').usedBytes).toBe(0);
  });

  test('the sender does not use bytes again that the receiver can still reach by a view', async () => {
    const memory = make();
    const [sender, receiver] = await Promise.all([Thread.start(memory), Thread.start(memory)]);
    await sender.do('allocate', { as: 'a', pool: 'p', bytes: 300_000, fill: 7 });
    await receiver.do('receive', { as: 'a', ticket: await sender.do('transfer', { as: 'a' }) });
    await receiver.do('keepView', { as: 'a' });
    await receiver.do('forget', { as: 'a' });
    await receiver.do('collect');
    await churn(sender, 300_000);
    expect(await receiver.do('viewValue', { as: 'a' })).toBe(7);
    // The last view goes, and with it the last that could look.
    await receiver.do('forgetView', { as: 'a' });
    await expect
      .poll(
        async () => {
          await receiver.do('collect');
          return memory.leaks().leaks.map(({ kind }) => kind);
        },
        { timeout: 20_000 },
      )
      .toEqual(['lost']);
    await receiver.do('cleanup', {});
    expect(memory.leaks().leaks).toEqual([]);
  });

  test('what is freed over there is used again here', async () => {
    const memory = make();
    const thread = await Thread.start(memory);
    for (let round = 0; round < 60; round += 1) {
      const ticket = memory.pool('p').allocateOrThrow(500_000).transfer();
      await thread.do('receive', { as: 'a', ticket });
      await thread.do('free', { as: 'a' });
    }
    expect(poolStats(memory, 'p').reservedBytes).toBeLessThan(6 * MIB);
  });
});

describe('a sender that ends', () => {
  test.each(['exit', 'terminate'] as const)(
    'by %s before its ticket is received leaves it good, bytes and all',
    async (how) => {
      const memory = make();
      const [sender, receiver] = await Promise.all([Thread.start(memory), Thread.start(memory)]);
      await sender.do('allocate', { as: 'a', pool: 'p', bytes: 200_000, fill: 5, tag: 'result' });
      await sender.do('reserve', { as: 'r', pool: 'p', bytes: 10, tag: 'result' });
      const tickets = [await sender.do('transfer', { as: 'a' }), await sender.do('transfer', { as: 'r' })] as const;
      if (how === 'exit') sender.tell('exit');
      else await sender.worker.terminate();
      await sender.ended;
      await inherited(memory, 2);
      expect(memory.pool('p').usedBytes).toBe(200_010);
      expect(await receiver.do('receive', { as: 'a', ticket: tickets[0] })).toBe(true);
      expect(await receiver.do('value', { as: 'a' })).toBe(5);
      receiveReservation(memory, tickets[1]).free();
      await receiver.do('fill', { as: 'a', value: 6 });
      expect(await receiver.do('value', { as: 'a' })).toBe(6);
      await receiver.do('free', { as: 'a' });
      await quiet(receiver);
      expect(memory.usedBytes).toBe(0);
      expect(audit([memory], false).problems).toEqual([]);
    },
  );

  test('after its ticket was received leaves the bytes alone', async () => {
    const memory = make();
    const sender = await Thread.start(memory);
    await sender.do('allocate', { as: 'a', pool: 'p', bytes: 200_000, fill: 5 });
    const received = receiveAllocation(memory, await sender.do('transfer', { as: 'a' }));
    await sender.end();
    memory.inherit();
    expect(received.bytes.every((byte) => byte === 5)).toBe(true);
    received.free();
    expect(memory.usedBytes).toBe(0);
  });

  test('and whose ticket nobody receives is found: an heir can give it up', async () => {
    const memory = make();
    const sender = await Thread.start(memory);
    await sender.do('reserve', { as: 'a', pool: 'p', bytes: 1000, tag: 'unclaimed' });
    await sender.do('transfer', { as: 'a' });
    await sender.end();
    await eventually(() => memory.leaks({ ageSeconds: 0 }).leaks.length > 0);
    expect(memory.leaks({ ageSeconds: 0 }).leaks).toMatchObject([{ kind: 'stale', tag: 'unclaimed', bytes: 1000 }]);
    expect((await memory.cleanup({ ageSeconds: 0 })).reclaimed).toEqual([]);
    expect((await memory.cleanup({ ageSeconds: 0, force: true })).reclaimed).toMatchObject([{ tag: 'unclaimed' }]);
    expect(memory.usedBytes).toBe(0);
  });
});

describe('a receiver that ends', () => {
  test('before it has received leaves the ticket good', async () => {
    const memory = make();
    const receiver = await Thread.start(memory);
    const ticket = memory.pool('p').allocateOrThrow(1000).transfer();
    await receiver.end();
    receiveAllocation(memory, ticket).free();
    expect(memory.usedBytes).toBe(0);
  });

  test('with what it has received leaves it lost, and the sender has its bytes back', async () => {
    const memory = make();
    const receiver = await Thread.start(memory);
    const ticket = memory
      .pool('p')
      .allocateOrThrow(3 * MIB, { tag: 'taken along' })
      .transfer();
    await receiver.do('receive', { as: 'a', ticket });
    await receiver.end();
    await eventually(() => memory.leaks().leaks.length > 0);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'lost', tag: 'taken along', bytes: 3 * MIB }]);
    await memory.cleanup();
    expect(memory.usedBytes).toBe(0);
    // With a tick of the sender's.
    await eventually(async () => {
      await memory.cleanup();
      return poolStats(memory, 'p').reservedBytes === 0;
    });
  });
});
