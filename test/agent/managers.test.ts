import { afterEach, expect, test } from 'vitest';
import { Managers } from '../../src/agent/managers.ts';
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
  managers.add({ id: made.push(memory), name, shared: memory.shared });
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
