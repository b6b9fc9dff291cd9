import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Engine } from '../../src/demo/engine.ts';
import { makeOrders } from '../../src/demo/orders.ts';
import { QueryMix } from '../../src/demo/query-mix.ts';
import { testPools } from './pools.ts';
import { answer } from './reference.ts';

const table = makeOrders(2000);

test('whatever is refused, nothing stays held, and what is answered is right', () => {
  const bytes = fc.integer({ min: 0, max: 200_000 });
  fc.assert(
    fc.property(fc.integer(), bytes, bytes, bytes, (seed, query, cache, temp) => {
      const { memory, used } = testPools({ query, cache, temp });
      const engine = new Engine(memory, [table]);
      const mix = new QueryMix(seed);
      for (let index = 0; index < 5; index += 1) {
        const text = mix.ordinary();
        const outcome = engine.run(text, (page) => page.rows());
        if (outcome.kind === 'answered') expect(outcome.value).toEqual(answer(text, table));
        else expect(outcome.reason).toMatch(/query|temp/);
        expect(used()).toEqual({ query: 0, cache: engine.cache.sizeBytes, temp: 0 });
      }
      engine.cache.clear();
      expect(used()).toEqual({ query: 0, cache: 0, temp: 0 });
    }),
  );
});

test('a query without a filter is refused as a whole, and the next one is answered', () => {
  const { memory, used } = testPools({ query: 100_000 });
  const engine = new Engine(memory, [table]);
  expect(engine.run('SELECT * FROM orders', () => 0)).toMatchObject({ kind: 'refused' });
  expect(used()).toMatchObject({ query: 0 });
  expect(engine.run('SELECT count(*) FROM orders', (page) => page.rows())).toMatchObject({ value: [[2000]] });
});

function failing(): never {
  throw new Error('the reader failed');
}

test('a reader that throws leaves nothing held', () => {
  const { memory, used } = testPools();
  const engine = new Engine(memory, [table], { cacheBytesMax: 0 });
  expect(() => engine.run('SELECT price FROM orders', failing)).toThrow('the reader failed');
  expect(used()).toEqual({ query: 0, cache: 0, temp: 0 });
});

test('a profiled query is refused like any other', () => {
  const { memory, used } = testPools({ query: 60_000 });
  const engine = new Engine(memory, [table]);
  const text = 'PROFILE SELECT price, product FROM orders WHERE day < 300';
  expect(engine.run(text, () => 0)).toMatchObject({ kind: 'refused' });
  expect(used()).toMatchObject({ query: 0, temp: 0 });
});

test('a user over the limit is refused by name, told who holds most, and others are answered', () => {
  const { memory, manager, used } = testPools();
  const user = manager.openUser('cleo', { limit: 60_000 });
  const engine = new Engine(memory, [table]);
  const ask = (name: string, text: string): unknown =>
    memory.inQuery({ query: `q-${name}`, user: name }, () => engine.run(text, (page) => page.rowCount));
  const text = 'SELECT price, product, quantity FROM orders';
  expect(ask('cleo', text)).toMatchObject({
    kind: 'refused',
    account: 'cleo',
    reason: expect.stringMatching(
      /^User cleo refused 46\.9 KiB for result-page .* Held by: plan 8\.0 KiB in 1, selection /,
    ),
    hint: expect.stringContaining('raise the limit of cleo'),
  });
  expect(user.usedBytes).toBe(0);
  expect(used()).toMatchObject({ query: 0 });
  expect(ask('dan', text)).toMatchObject({ kind: 'answered', value: 2000 });
  expect(ask('cleo', 'SELECT count(*) FROM orders')).toMatchObject({ kind: 'answered' });
});
