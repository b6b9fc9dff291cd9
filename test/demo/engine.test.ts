import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/demo/engine.ts';
import { makeOrders } from '../../src/demo/orders.ts';
import { plainMemory } from '../../src/demo/plain-memory.ts';
import { QueryMix } from '../../src/demo/query-mix.ts';
import type { Table } from '../../src/demo/table.ts';
import type { WorkingMemory } from '../../src/demo/working-memory.ts';
import { testPools } from './pools.ts';
import { answer, smallTable } from './reference.ts';

const row = fc.record({
  a: fc.integer({ min: -5, max: 5 }),
  b: fc.integer({ min: 0, max: 3 }),
  x: fc.integer({ min: -8, max: 8 }).map((eighth) => eighth / 8),
});
const name = fc.constantFrom('a', 'b', 'x');
const comparison = fc
  .tuple(
    name,
    fc.constantFrom('<', '<=', '=', '>=', '>'),
    fc.integer({ min: -6, max: 6 }),
    fc.integer({ min: 1, max: 4 }),
  )
  .map(([left, operator, dividend, divisor]) => `${left} ${operator} ${dividend} / ${divisor}`);
const where = fc
  .array(comparison, { maxLength: 3 })
  .map((comparisons) => (comparisons.length > 0 ? ` WHERE ${comparisons.join(' AND ')}` : ''));
const limit = fc.option(fc.nat(12)).map((count) => (count === null ? '' : ` LIMIT ${count}`));
const direction = fc.constantFrom('', ' ASC', ' DESC');

const listing = fc
  .tuple(fc.constantFrom('*', 'x', 'x, a', 'b, a, x'), where, fc.option(name), direction, limit)
  .map(
    ([outputs, filter, by, way, end]) => `SELECT ${outputs} FROM t${filter}${by ? ` ORDER BY ${by}${way}` : ''}${end}`,
  );
const aggregate = fc.constantFrom('count(*)', 'sum(x)', 'min(x)', 'max(a)', 'avg(x)', 'sum(b)');
const grouping = fc
  .tuple(
    fc.subarray(['a', 'b']),
    fc.array(aggregate, { minLength: 1, maxLength: 4 }),
    where,
    fc.option(aggregate),
    direction,
    limit,
  )
  .map(([keys, figures, filter, by, way, end]) => {
    const groups = keys.length > 0 ? ` GROUP BY ${keys.join(', ')}` : '';
    return `SELECT ${[...keys, ...figures].join(', ')} FROM t${filter}${groups}${by ? ` ORDER BY ${by}${way}` : ''}${end}`;
  });
const rows = fc.array(row, { maxLength: 60 });

function rowsOf(text: string, memory: WorkingMemory, table: Table): number[][] {
  const outcome = new Engine(memory, [table]).run(text, (page) => page.rows());
  if (outcome.kind === 'refused') throw new Error(outcome.reason);
  return outcome.value;
}

describe('a query gives what the same query gives row by row', () => {
  test('listings', () => {
    fc.assert(
      fc.property(listing, rows, (text, data) => {
        const table = smallTable(data);
        expect(rowsOf(text, plainMemory(), table)).toEqual(answer(text, table));
      }),
      { numRuns: 500 },
    );
  });

  test('groupings', () => {
    fc.assert(
      fc.property(grouping, rows, (text, data) => {
        const table = smallTable(data);
        expect(rowsOf(text, plainMemory(), table)).toEqual(answer(text, table));
      }),
      { numRuns: 500 },
    );
  });

  test('what the demo asks for, over pools', () => {
    const { memory, used } = testPools();
    const table = makeOrders(3000);
    const mix = new QueryMix(1);
    for (let index = 0; index < 60; index += 1) {
      const text = mix.ordinary();
      expect(rowsOf(text, memory, table), text).toEqual(answer(text, table));
    }
    expect(used()).toMatchObject({ query: 0, temp: 0 });
  });
});

test('an answer comes from the cache the second time, and is the same', () => {
  const { memory } = testPools();
  const engine = new Engine(memory, [makeOrders(1000)]);
  const text = 'SELECT day, price FROM orders WHERE region = 3 ORDER BY price';
  const first = engine.run(text, (page) => page.rows());
  const second = engine.run(text, (page) => page.rows());
  expect(first).toMatchObject({ kind: 'answered', cached: false });
  expect(second).toEqual({ ...first, cached: true });
});

test.each([
  ['SELECT price FROM nowhere', 'There is no table nowhere.'],
  ['SELECT colour FROM orders', 'orders has no column colour.'],
  ['SELECT price FROM orders GROUP BY region', 'price is neither grouped by nor aggregated.'],
  ['SELECT count(*) FROM orders GROUP BY price', 'Rows are grouped by whole numbers, and price is none.'],
  ['SELECT median(price) FROM orders', 'median(price) is no column or aggregate.'],
  ['SELECT sum(*) FROM orders', 'sum(*) is no column or aggregate.'],
  ['SELECT price FROM orders WHERE price LIKE 3', 'price LIKE 3 is no comparison of a column.'],
  ['SELECT price FROM orders WHERE price > 3 3', '3 3 is no number.'],
  ['SELECT price FROM orders WHERE price > 0 / 0', 'price is compared with what is no number.'],
  ['DROP TABLE orders', 'This is no query: DROP TABLE orders'],
])('%s is an error of who asks, and holds no memory', (text, message) => {
  const { memory, used } = testPools();
  expect(() => new Engine(memory, [makeOrders(10)]).run(text, () => 0)).toThrow(message);
  expect(used()).toEqual({ query: 0, cache: 0, temp: 0 });
});
