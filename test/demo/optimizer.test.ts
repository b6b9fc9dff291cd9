import { expect, test } from 'vitest';
import { optimize } from '../../src/demo/optimizer.ts';
import { makeOrders } from '../../src/demo/orders.ts';
import { parse } from '../../src/demo/parser.ts';
import type { Plan } from '../../src/demo/plan.ts';

const orders = makeOrders(1000);

function plan(text: string): Plan {
  return optimize(parse(text), orders);
}

test('the most selective range comes first, and all filters of one column are one range', () => {
  const { ranges } = plan(
    'SELECT price FROM orders WHERE price > 400 AND day >= 10 * 2 - 1 AND region <= 5 AND day < 7 + 19',
  );
  expect(ranges.map(({ column }) => column.name)).toEqual(['day', 'price', 'region']);
  expect(ranges[0]).toMatchObject({ low: 19, high: 25.999999999999996 });
});

test('a range that every row passes is not looked at', () => {
  expect(plan('SELECT price FROM orders WHERE quantity > 0 AND day < 5000').ranges).toEqual([]);
});

test.each(['day > 400', 'day > 20 AND day < 20', 'region = 3 AND region = 4', 'quantity <= -1'])(
  'no row is looked at where none can pass: %s',
  (where) => {
    expect(plan(`SELECT price FROM orders WHERE ${where}`).empty).toBe(true);
  },
);

test('aggregates share what they have in common', () => {
  const text = 'SELECT count(*), sum(price), avg(price), avg(discount) FROM orders GROUP BY region ORDER BY sum(price)';
  const kept = plan(text).grouping?.accumulators.map(({ operation, column }) => [operation, column?.name]);
  expect(kept).toEqual([
    ['count', undefined],
    ['sum', 'price'],
    ['sum', 'discount'],
  ]);
});

test('an order that cannot show is dropped, one that can is kept', () => {
  expect(plan('SELECT price FROM orders WHERE region = 3 ORDER BY region').order).toBeUndefined();
  expect(plan('SELECT sum(price) FROM orders ORDER BY sum(price)').order).toBeUndefined();
  expect(plan('SELECT price FROM orders WHERE region = 3 ORDER BY day').order).toBeDefined();
  expect(plan('SELECT region, sum(price) FROM orders GROUP BY region ORDER BY sum(price)').order).toBeDefined();
});
