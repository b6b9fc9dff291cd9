import { afterEach, expect, test } from 'vitest';
import { Managers } from '../../src/agent/managers.ts';
import { MAIN_THREAD, type ManagerAdded } from '../../src/agent/messages.ts';
import { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';

const made: MemoryManager[] = [];
let managers = new Managers();

afterEach(() => {
  for (const memory of made.splice(0)) memory.close();
  managers = new Managers();
});

function manager(name: string, options: MemoryManagerOptions = {}): MemoryManager {
  const memory = new MemoryManager({ ...options, name, agent: false, autoCleanup: false });
  managers.add(MAIN_THREAD, announced(memory, made.push(memory)));
  return memory;
}

function announced({ name, ledgerId, ledgerMemory }: MemoryManager, id: number): ManagerAdded {
  return { id, name, ledgerId, shared: ledgerMemory };
}

/** A manager that the agent has not heard of yet. */
function unannounced(name: string): MemoryManager {
  const memory = new MemoryManager({ name, agent: false, autoCleanup: false });
  made.push(memory);
  return memory;
}

function holding(memory: MemoryManager, name: string, bytes: number, limit?: number): void {
  const query = memory.openQuery(name, limit === undefined ? {} : { limit });
  query.run(() => memory.pool('query').reserve(bytes));
}

test('the largest scopes of all managers are the largest of them together', () => {
  const [a, b] = [manager('a'), manager('b')];
  for (const bytes of [1, 3, 5]) holding(a, `a-${bytes}`, bytes);
  for (const bytes of [2, 4, 6]) holding(b, `b-${bytes}`, bytes);
  const { scopes, count } = managers.scopes({ count: 3, sort: 'used' }, {});
  expect(scopes.map(({ manager: of, name }) => `${of} ${name}`)).toEqual(['b b-6', 'a a-5', 'b b-4']);
  expect(count).toBe(6);
});

test('near its limit is what its own manager calls so; the nearest first, the others counted', () => {
  const [usual, strict] = [manager('usual'), manager('strict', { thresholds: { warning: 0.5, critical: 0.6 } })];
  holding(usual, 'far', 70, 100);
  holding(usual, 'near', 90, 100);
  holding(strict, 'nearer', 55, 100);
  holding(strict, 'beyond', 70, 100);
  holding(strict, 'unlimited', 1000);
  const { scopes, count } = managers.scopesNearLimit(2, {});
  expect(scopes.map(({ name, level }) => [name, level])).toEqual([
    ['near', 'warning'],
    ['beyond', 'critical'],
  ]);
  expect(count).toBe(3);
});

test('a scope that has ended is not among the open ones, even while something is left of it', () => {
  const memory = manager('a');
  memory.query('over', {}, () => memory.pool('query').reserve(10));
  holding(memory, 'open', 5);
  const { scopes, count } = managers.scopes({ count: 10, sort: 'used' }, {});
  expect([scopes.map(({ name }) => name), count]).toEqual([['open'], 1]);
});

test('a ledger that several threads share is there once, and as long as any of them is', () => {
  const memory = unannounced('shared');
  memory.pool('cache').reserve(100);
  for (const [thread, id] of [
    [2, 0],
    [3, 7],
    [4, 0],
  ] as const)
    managers.add(thread, announced(memory, id));
  const shown = (): unknown => [managers.names, managers.stats().map(({ manager: { usedBytes } }) => usedBytes)];
  expect(shown()).toEqual([['shared'], [100]]);
  expect(managers.poolNames).toEqual(['query', 'cache', 'temp']);
  // The first that announced it.
  managers.remove(2, 0);
  expect(shown()).toEqual([['shared'], [100]]);
  managers.removeThread(4);
  expect(shown()).toEqual([['shared'], [100]]);
  managers.remove(3, 7);
  expect(shown()).toEqual([[], []]);
  expect(managers.touchedBytes()).toBe(0);
});

test('a manager that is announced again, or taken away twice, is no other', () => {
  const memory = unannounced('a');
  managers.add(2, announced(memory, 0));
  managers.add(2, announced(memory, 0));
  expect(managers.heldWith(undefined)).toEqual(new Map([[2, [{ id: 0, name: 'a' }]]]));
  managers.remove(2, 1);
  managers.remove(3, 0);
  expect(managers.names).toEqual(['a']);
  managers.remove(2, 0);
  managers.remove(2, 0);
  expect(managers.names).toEqual([]);
});

test('each thread is asked for its own managers, and only for those that have the pool', () => {
  const [shared, own] = [unannounced('shared'), unannounced('own')];
  own.addPool('results');
  for (const thread of [MAIN_THREAD, 2]) managers.add(thread, announced(shared, 5));
  managers.add(2, announced(own, 6));
  expect(managers.heldWith(undefined)).toEqual(
    new Map([
      [MAIN_THREAD, [{ id: 5, name: 'shared' }]],
      [
        2,
        [
          { id: 5, name: 'shared' },
          { id: 6, name: 'own' },
        ],
      ],
    ]),
  );
  expect(managers.heldWith('results')).toEqual(new Map([[2, [{ id: 6, name: 'own' }]]]));
  expect(managers.heldWith('nope').size).toBe(0);
});

test('observers are asked for in every thread of a manager that has any', () => {
  const [seen, blind] = [unannounced('seen'), unannounced('blind')];
  seen.observe('duckdb', () => ({ usedBytes: 1 }));
  for (const thread of [3, 4]) managers.add(thread, announced(seen, 0));
  managers.add(5, announced(blind, 0));
  expect(managers.observingThreads()).toEqual([3, 4]);
});

test('the process is called after a manager of the main thread, even when others were there first', () => {
  managers.add(2, announced(unannounced('worker'), 0));
  managers.add(MAIN_THREAD, announced(unannounced('main'), 0));
  expect(managers.names).toEqual(['main', 'worker']);
});
