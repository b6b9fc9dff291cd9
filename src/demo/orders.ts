import { Random } from './random.ts';
import { column, Table, type Column } from './table.ts';

/** So many that a query takes some MiB of working memory, and some milliseconds. */
export const ORDERS_ROW_COUNT = 1_000_000;

/**
 * The service's data: a year of orders, made from a seed. In shared memory, for its threads read the same table; it is
 * not taken from a pool because nothing ever gives it back. `memtool stats` shows it as an observed pool.
 */
export function makeOrders(rowCount: number = ORDERS_ROW_COUNT, seed = 1): Table {
  const random = new Random(seed);
  const cents = (limit: number): number => Math.round(random.next() * limit * 100) / 100;
  return new Table('orders', [
    integers('order_id', rowCount, (row) => row),
    integers('day', rowCount, () => random.below(365)),
    integers('region', rowCount, () => random.below(12)),
    integers('product', rowCount, () => random.below(2000)),
    // The square makes a few customers order most, as they do.
    integers('customer', rowCount, () => Math.floor(random.next() ** 2 * 50_000)),
    integers('quantity', rowCount, () => 1 + random.below(20)),
    floats('price', rowCount, () => 1 + cents(499)),
    floats('discount', rowCount, () => cents(0.3)),
  ]);
}

function integers(name: string, length: number, value: (row: number) => number): Column {
  const values = new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
  for (let row = 0; row < length; row += 1) values[row] = value(row);
  return column(name, values);
}

function floats(name: string, length: number, value: (row: number) => number): Column {
  const values = new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
  for (let row = 0; row < length; row += 1) values[row] = value(row);
  return column(name, values);
}
