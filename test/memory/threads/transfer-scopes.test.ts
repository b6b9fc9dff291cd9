import { describe, expect, test } from 'vitest';
import { isGranted } from '../make-manager.ts';
import { audit } from './audit.ts';
import { makeSides, posted, receiveAllocation, receiveReservation, turnEnds } from './sides.ts';

describe('what is sent', () => {
  test('leaves the scopes of its sender, all of them, and is charged to those of its receiver', async () => {
    const { memory, other, all } = makeSides();
    const here = memory.openQuery('q', { user: 'ana', transaction: 't-1' });
    const held = here.run(() => memory.pool('cache').reserveOrThrow(1000, { tag: 'rows' }));
    expect([here, here.user, here.transaction].map((scope) => scope?.usedBytes)).toEqual([1000, 1000, 1000]);
    const ticket = held.transfer();
    await turnEnds();
    expect([here, here.user, here.transaction].map((scope) => scope?.usedBytes)).toEqual([0, 0, 0]);
    const there = other.openQuery('r', { user: 'bob' });
    const received = there.run(() => receiveReservation(other, ticket));
    expect([there.usedBytes, there.user?.usedBytes]).toEqual([1000, 1000]);
    here.close();
    there.close();
    await turnEnds();
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'orphaned', bytes: 1000, scope: { name: 'r', user: 'bob' } }]);
    received.free();
    await turnEnds();
    expect(audit(all)).toMatchObject({ problems: [], named: 0 });
  });

  test('for the same user in both threads is charged to it once', async () => {
    const { memory, other } = makeSides();
    const [here, there] = [memory.openUser('ana', { limit: 1000 }), other.openUser('ana')];
    const ticket = here.run(() => memory.pool('cache').allocateOrThrow(1000)).transfer();
    await turnEnds();
    expect(here.usedBytes).toBe(0);
    there.run(() => receiveAllocation(other, ticket));
    await turnEnds();
    expect([here.usedBytes, there.usedBytes]).toEqual([1000, 1000]);
  });

  test('is no orphan any more: who receives it holds it for another purpose', async () => {
    const { memory, other } = makeSides();
    const query = memory.openQuery('q');
    const orphans = query.run(() => [
      memory.pool('cache').reserveOrThrow(1000),
      memory.pool('cache').allocateOrThrow(1000),
    ]);
    query.close();
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'orphaned', count: 2 }]);
    const tickets = orphans.map((orphan) => posted(orphan.transfer()));
    expect(memory.leaks().leaks).toEqual([]);
    const received = tickets.map((ticket) => other.receive(ticket));
    // Cleanup takes the orphans of those that have scopes.
    other.openQuery('r');
    await other.cleanup();
    expect(received.map((one) => one?.isHeld)).toEqual([true, true]);
    expect(other.leaks().leaks).toEqual([]);
  });

  test('that a scope refuses is not received, and can be outside it or by another thread', async () => {
    const { memory, other, third, all } = makeSides();
    const scope = other.openQuery('small', { limit: 999 });
    for (const pick of [other, third]) {
      const ticket = posted(memory.pool('cache').allocateOrThrow(1000).transfer());
      expect(isGranted(scope.run(() => other.receive(ticket)))).toBe(false);
      expect(scope.usedBytes).toBe(0);
      expect(scope.toJSON()).toMatchObject({ usedBytes: 0, peakBytes: 0 });
      receiveAllocation(pick, ticket).free();
    }
    await turnEnds();
    expect(audit(all).problems).toEqual([]);
    expect(memory.usedBytes).toBe(0);
  });

  test('cannot break a user’s limit by coming from another thread', async () => {
    const { memory, other } = makeSides();
    const [here, there] = [memory.openUser('ana', { limit: 1000 }), other.openUser('ana')];
    here.run(() => memory.pool('cache').reserveOrThrow(600));
    const ticket = posted(memory.pool('cache').reserveOrThrow(500).transfer());
    await turnEnds();
    expect(isGranted(there.run(() => other.receive(ticket)))).toBe(false);
    expect(there.usedBytes).toBe(600);
  });

  test('is charged to what a scope hung on, once that has ended', () => {
    const { memory, other } = makeSides();
    const user = other.openUser('ana');
    const query = other.openQuery('q', { user: 'ana' });
    const ticket = memory.pool('cache').reserveOrThrow(500).transfer();
    query.run(() => {
      query.close();
      receiveReservation(other, ticket);
    });
    expect(user.usedBytes).toBe(500);
  });
});
