import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collectGarbage } from '../../src/demo/collect-garbage.ts';
import { Engine } from '../../src/demo/engine.ts';
import { makeOrders } from '../../src/demo/orders.ts';
import { testPools } from './pools.ts';

test('a profiled query forgets its rows, which are lost, and parks its samples, which are not', async () => {
  const { memory, manager } = testPools();
  const engine = new Engine(memory, [makeOrders(5000)]);
  for (let day = 0; day < 5; day += 1) {
    expect(engine.run(`PROFILE SELECT price FROM orders WHERE day >= ${day}`, () => 0).kind).toBe('answered');
  }
  await collectGarbage();
  await setImmediate();
  const { leaks } = manager.leaks({ ageSeconds: 300 });
  expect(leaks).toMatchObject([{ kind: 'lost', pool: 'query', tag: 'profile-rows', count: 5, verdict: 'leak' }]);
  const { reclaimed } = await manager.cleanup();
  expect(reclaimed).toContainEqual(expect.objectContaining({ kind: 'lost', tag: 'profile-rows', count: 5 }));
  // What is left is the samples, which somebody still refers to.
  expect(memory.query).toMatchObject({
    usedBytes: 5 * (1024 * 48) + 5 * 'PROFILE SELECT price FROM orders WHERE day >= 0'.length,
  });
  expect(engine.cache.sizeBytes).toBe(0);
});

test('what it forgets in a query is named with the query, its user and its tag', async () => {
  const { memory, manager } = testPools();
  const engine = new Engine(memory, [makeOrders(5000)]);
  memory.inQuery({ query: 'q-7', user: 'ben', transaction: 't-1' }, () =>
    engine.run('PROFILE SELECT price FROM orders', () => 0),
  );
  await collectGarbage();
  await setImmediate();
  const scope = { kind: 'query', name: 'q-7', user: 'ben', transaction: 't-1' };
  expect(manager.leaks().leaks).toMatchObject([
    { kind: 'lost', tag: 'profile-rows', count: 1, verdict: 'leak', scope },
    { kind: 'orphaned', tag: 'profile-samples', count: 1, verdict: 'leak', scope },
  ]);
  await manager.cleanup();
  expect(memory.query).toMatchObject({ usedBytes: 0 });
  expect(engine.cache.sizeBytes).toBe(0);
});

test('a profile of few rows frees what it takes', () => {
  const { memory, manager } = testPools();
  const text = 'PROFILE SELECT price FROM orders WHERE order_id < 10';
  new Engine(memory, [makeOrders(5000)]).run(text, () => 0);
  expect(manager.pool('query').usedBytes).toBe(10 * 48 + text.length);
});
