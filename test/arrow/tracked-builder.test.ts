import { Bool, Dictionary, Field, Int32, List, makeBuilder, Struct, Utf8 } from 'apache-arrow';
import { expect, test } from 'vitest';
import { trackArrowOrThrow, trackBuilder, trackBuilderOrThrow } from '../../src/arrow/arrow.ts';
import { codeOf, makeManager } from '../memory/make-manager.ts';

function make(limit?: number | string) {
  const { memory } = makeManager({ pools: { query: limit === undefined ? {} : { limit } } });
  return { memory, pool: memory.pool('query') };
}

const ROWS = 10_000;

/**
 * `least`: the share of what comes out that it says it has before. Texts wait as they are, and their buffers then double;
 * of lists the JavaScript values wait, of which no builder knows the size.
 */
const BUILDERS = {
  numbers: () => ({
    least: 1,
    builder: makeBuilder({ type: new Int32() }),
    value: (row: number): unknown => row,
  }),
  bits: () => ({
    least: 1,
    builder: makeBuilder({ type: new Bool() }),
    value: (row: number): unknown => row % 2 === 0,
  }),
  texts: () => ({
    least: 0.8,
    builder: makeBuilder({ type: new Utf8() }),
    value: (row: number): unknown => `row ${row}`,
  }),
  words: () => ({
    least: 1,
    builder: makeBuilder({ type: new Dictionary(new Utf8(), new Int32()) }),
    value: (row: number): unknown => `word ${row % 100}`,
  }),
  lists: () => ({
    least: 0,
    builder: makeBuilder({
      type: new List(new Field('item', new Int32())),
      children: [{ type: new Int32() }],
    }),
    value: (row: number): unknown => [row, row],
  }),
  structs: () => ({
    least: 0.8,
    builder: makeBuilder({
      type: new Struct<{ id: Int32; name: Utf8 }>([new Field('id', new Int32()), new Field('name', new Utf8())]),
      children: [{ type: new Int32() }, { type: new Utf8() }],
    }),
    value: (row: number): unknown => ({ id: row, name: `row ${row}` }),
  }),
};

test.each(Object.entries(BUILDERS))('%s: about what comes out of it in the end', (_, build) => {
  const { pool } = make();
  const { builder, value, least } = build();
  using tracked = trackBuilderOrThrow(builder, { pool, tag: 'column' });
  for (let row = 0; row < ROWS; row += 1) {
    builder.append(value(row));
    if (row % 100 === 0) tracked.follow();
  }
  expect(tracked.tryFollow()).toBe(true);
  const whileBuilding = tracked.bytes;
  expect(pool.usedBytes).toBe(whileBuilding);
  const vector = builder.finish().toVector();
  expect(vector.length).toBe(ROWS);
  // What it has flushed is not its own any more.
  tracked.follow();
  expect(tracked.bytes).toBeLessThan(whileBuilding / 10);
  using column = trackArrowOrThrow(vector, { pool });
  expect(whileBuilding).toBeGreaterThanOrEqual(column.bytes * least);
  expect(whileBuilding).toBeLessThan(column.bytes * 3);
});

test('texts count while they wait to be flushed, of a child too', () => {
  const { pool } = make();
  const { builder } = BUILDERS.structs();
  using tracked = trackBuilderOrThrow(builder, { pool });
  builder.append({ id: 1, name: 'x'.repeat(100_000) });
  tracked.follow();
  expect(tracked.bytes).toBeGreaterThan(100_000);
});

test('growth that is refused leaves what was charged; what is flushed then makes it fit again', () => {
  const { pool } = make('64KiB');
  const { builder } = BUILDERS.numbers();
  const tracked = trackBuilderOrThrow(builder, { pool, tag: 'column' });
  let rows = 0;
  while (tracked.tryFollow()) {
    builder.append(rows);
    rows += 1;
  }
  const charged = tracked.bytes;
  expect(charged).toBeGreaterThan(0);
  expect(charged).toBeLessThanOrEqual(65_536);
  expect(codeOf(() => tracked.follow())).toBe('MEMTOOL_LIMIT');
  expect([tracked.bytes, pool.usedBytes]).toEqual([charged, charged]);
  expect(builder.toVector().length).toBe(rows);
  expect(tracked.tryFollow()).toBe(true);
  tracked.free();
  expect(pool.usedBytes).toBe(0);
  expect(codeOf(() => tracked.free())).toBe('MEMTOOL_DOUBLE_FREE');
  expect(codeOf(() => tracked.tryFollow())).toBe('MEMTOOL_USE_AFTER_FREE');
});

test('a builder that is too large already is refused', () => {
  const { pool } = make(1000);
  const { builder } = BUILDERS.numbers();
  for (let row = 0; row < ROWS; row += 1) builder.append(row);
  expect(trackBuilder(builder, { pool })).toBeUndefined();
  expect(codeOf(() => trackBuilderOrThrow(builder, { pool }))).toBe('MEMTOOL_LIMIT');
  expect(pool.usedBytes).toBe(0);
});
