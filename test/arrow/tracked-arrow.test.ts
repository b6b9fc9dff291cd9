import { setImmediate } from 'node:timers/promises';
import {
  Bool,
  DenseUnion,
  Dictionary,
  Field,
  FixedSizeList,
  Float64,
  Int32,
  List,
  makeData,
  makeVector,
  Map_,
  RecordBatch,
  Struct,
  Table,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
  type Data,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { trackArrow, trackArrowOrThrow } from '../../src/arrow/arrow.ts';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { codeOf, makeManager } from '../memory/make-manager.ts';

function make(limit?: number): { memory: ReturnType<typeof makeManager>['memory']; pool: MemoryPool } {
  const { memory } = makeManager({ pools: { query: limit === undefined ? {} : { limit } } });
  return { memory, pool: memory.pool('query') };
}

/** What it keeps alive, counted in another way: the sum over the distinct buffers of all its parts. */
function expected({ data }: { data: Data | readonly Data[] }): number {
  const buffers = new Map<ArrayBufferLike, number>();
  const visit = (part: Data): void => {
    const views: unknown[] = [part.values, part.valueOffsets, part.nullBitmap, part.typeIds, ...part.variadicBuffers];
    for (const view of views) if (ArrayBuffer.isView(view)) buffers.set(view.buffer, view.buffer.byteLength);
    part.children.forEach(visit);
    part.dictionary?.data.forEach(visit);
  };
  const none: Data[] = [];
  none.concat(data).forEach(visit);
  return [...buffers.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const orders = (rows: number): Table =>
  tableFromArrays({
    id: Int32Array.from({ length: rows }, (_, row) => row),
    total: Float64Array.from({ length: rows }, (_, row) => row / 3),
    city: Array.from({ length: rows }, (_, row) => `city ${row % 7}`),
  });

describe('what is charged', () => {
  const list = vectorFromArray([[1, 2], [3], [], null], new List(new Field('item', new Int32(), true)));
  const some = orders(500);
  const chunked = some.slice(0, 100).concat(some.slice(200));
  const cases = {
    'a table': orders(1000),
    'a batch': orders(1000).batches[0],
    'a column': orders(1000).getChild('city'),
    'a vector of bits': vectorFromArray([true, false, null, true], new Bool()),
    'a list': list,
    'a list of a fixed size': vectorFromArray(
      [
        [1, 2],
        [3, 4],
      ],
      new FixedSizeList(2, new Field('item', new Float64())),
    ),
    'a struct': vectorFromArray(
      [{ a: 1, b: 'x' }],
      new Struct<{ a: Int32; b: Utf8 }>([new Field('a', new Int32()), new Field('b', new Utf8())]),
    ),
    'a map': vectorFromArray(
      [new Map([['a', 1]])],
      new Map_<Utf8, Int32>(
        new Field('entries', new Struct([new Field('key', new Utf8()), new Field('value', new Int32())])),
      ),
    ),
    'a dense union': makeVector(
      makeData({
        type: new DenseUnion([0, 1], [new Field('a', new Int32()), new Field('b', new Utf8())]),
        typeIds: Int8Array.of(0, 0, 1),
        valueOffsets: Int32Array.of(0, 1, 0),
        children: [vectorFromArray([1, 2], new Int32()).data[0], vectorFromArray(['x'], new Utf8()).data[0]].filter(
          (data) => data !== undefined,
        ),
      }),
    ),
    'a table read from IPC': tableFromIPC(tableToIPC(orders(1000), 'file')),
    'several chunks of one dictionary': chunked,
  };

  test.each(Object.entries(cases))('%s: every buffer beneath it, once', (_, source) => {
    if (!source) throw new Error('there is none');
    const { pool } = make();
    using tracked = trackArrowOrThrow(source, { pool, tag: 'arrow' });
    expect(tracked.bytes).toBe(expected(source));
    expect(tracked.bytes).toBeGreaterThan(0);
    expect([tracked.chargedBytes, pool.usedBytes]).toEqual([tracked.bytes, tracked.bytes]);
    tracked.free();
    expect([tracked.bytes, tracked.chargedBytes, pool.usedBytes]).toEqual([0, 0, 0]);
  });

  test('a table of an IPC file is that file, however many columns look at it', () => {
    const { pool } = make();
    const file = tableToIPC(orders(1000), 'file');
    using tracked = trackArrowOrThrow(tableFromIPC(file), { pool });
    expect(tracked.bytes).toBe(file.buffer.byteLength);
  });

  test('a slice is all it was cut from', () => {
    const { pool } = make();
    const values = new Float64Array(10_000);
    const slice = makeVector(values).slice(10, 20);
    using tracked = trackArrowOrThrow(slice, { pool });
    expect(tracked.bytes).toBe(values.byteLength);
  });

  test('no rows, and no columns, are no bytes', () => {
    const { pool } = make();
    for (const empty of [new Table(), tableFromArrays({}), orders(0)]) {
      using tracked = trackArrowOrThrow(empty, { pool });
      expect(tracked.bytes).toBe(0);
    }
    // Arrow makes a buffer for no numbers.
    const none = vectorFromArray([], new Int32());
    using tracked = trackArrowOrThrow(none, { pool });
    expect([tracked.bytes, pool.usedBytes]).toEqual([expected(none), expected(none)]);
  });

  test('a dictionary that two columns share counts once', () => {
    const { pool } = make();
    const words = vectorFromArray(['a', 'b', 'c'], new Utf8());
    const type = new Dictionary(new Utf8(), new Int32());
    const column = (indices: number[]): Data =>
      makeData({ type, data: Int32Array.from(indices), dictionary: words, length: indices.length });
    const one = column([0, 1]);
    const other = column([2, 2, 2]);
    using tracked = trackArrowOrThrow({ data: [one, other] }, { pool });
    expect(tracked.bytes).toBe(8 + 12 + expected(words));
  });

  test("memory of a pool's arena is not charged again", () => {
    const { pool } = make();
    using allocation = pool.allocateOrThrow(8 * 1000);
    const { bytes } = allocation;
    const values = new Float64Array(bytes.buffer, bytes.byteOffset, 1000).fill(1.5);
    const vector = makeVector(values);
    using tracked = trackArrowOrThrow(vector, { pool });
    expect([vector.get(999), tracked.bytes, pool.usedBytes]).toEqual([1.5, 0, 8000]);
  });

  test('memory that threads share is, once', () => {
    const { pool } = make();
    const shared = new SharedArrayBuffer(800);
    using tracked = trackArrowOrThrow(makeVector(new Float64Array(shared)), { pool });
    using again = trackArrowOrThrow(makeVector(new Float64Array(shared, 80)), { pool });
    expect([tracked.chargedBytes, again.chargedBytes, again.bytes]).toEqual([800, 0, 800]);
  });
});

const sharing = (): [Table, Table, number] => {
  const values = new Float64Array(1000);
  const one = new Table({ a: makeVector(values), b: makeVector(new Int32Array(1000)) });
  const other = new Table({ a: makeVector(values.subarray(500)), c: makeVector(new Int32Array(500)) });
  return [one, other, values.byteLength];
};

describe('buffers that several hold', () => {
  test('are charged once, until the last lets go, in whichever order', () => {
    const { pool } = make();
    for (const firstGoes of [true, false]) {
      const [one, other, shared] = sharing();
      const first = trackArrowOrThrow(one, { pool });
      const second = trackArrowOrThrow(other, { pool });
      expect([first.chargedBytes, second.chargedBytes]).toEqual([shared + 4000, 2000]);
      expect(second.bytes).toBe(shared + 2000);
      (firstGoes ? first : second).free();
      expect(pool.usedBytes).toBe(firstGoes ? shared + 2000 : shared + 4000);
      (firstGoes ? second : first).free();
      expect(pool.usedBytes).toBe(0);
    }
  });

  test('are charged to each pool that asks', () => {
    const { memory, pool } = make();
    const [one, other, shared] = sharing();
    using _ = trackArrowOrThrow(one, { pool });
    using elsewhere = trackArrowOrThrow(other, { pool: memory.pool('cache') });
    expect(elsewhere.chargedBytes).toBe(shared + 2000);
  });

  test('may be the same table twice; the pool need not have room for both', () => {
    const [one] = sharing();
    const { pool } = make(12_000);
    const first = trackArrowOrThrow(one, { pool });
    const second = trackArrowOrThrow(one, { pool });
    first.free();
    expect([second.chargedBytes, pool.usedBytes]).toEqual([12_000, 12_000]);
    second.free();
    expect(pool.usedBytes).toBe(0);
  });

  test('pass to the scope of who holds them still; where that has no room, they stay where they are', () => {
    const { memory, pool } = make();
    const [one, other, shared] = sharing();
    const query = memory.openQuery('q1');
    const first = trackArrowOrThrow(one, { pool, scope: query });
    using roomy = memory.openQuery('q2');
    const second = trackArrowOrThrow(other, { pool, scope: roomy });
    first.free();
    expect([query.usedBytes, roomy.usedBytes]).toEqual([0, shared + 2000]);
    using tight = memory.openQuery('q3', { limit: 3000 });
    const third = trackArrowOrThrow(other, { pool, scope: tight });
    second.free();
    expect([roomy.usedBytes, tight.usedBytes, pool.usedBytes]).toEqual([shared, 2000, shared + 2000]);
    third.free();
    expect([roomy.usedBytes, tight.usedBytes, pool.usedBytes]).toEqual([0, 0, 0]);
  });
});

describe('refusal', () => {
  test('is a value, or an error that names the tag; nothing is charged', () => {
    const { pool } = make(1000);
    const table = orders(1000);
    expect(trackArrow(table, { pool })).toBeUndefined();
    expect(() => trackArrowOrThrow(table, { pool, tag: 'orders' })).toThrow(/refused .* for orders/);
    expect(pool.usedBytes).toBe(0);
  });

  test('of an addition leaves what there was', () => {
    const { pool } = make(2000);
    using tracked = trackArrowOrThrow(makeVector(new Float64Array(100)), { pool });
    expect(tracked.tryAdd(makeVector(new Float64Array(100)))).toBe(true);
    expect(tracked.tryAdd(makeVector(new Float64Array(100)))).toBe(false);
    expect(codeOf(() => tracked.add(makeVector(new Float64Array(100))))).toBe('MEMTOOL_LIMIT');
    expect([tracked.bytes, pool.usedBytes]).toEqual([1600, 1600]);
  });
});

const collect = async (): Promise<void> => {
  globalThis.gc?.();
  await setImmediate();
};

describe('freeing', () => {
  test('twice is an error, disposing twice is not', () => {
    const { pool } = make();
    const tracked = trackArrowOrThrow(orders(10), { pool });
    tracked.free();
    expect(codeOf(() => tracked.free())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(tracked[Symbol.dispose]()).toBeUndefined();
    expect(tracked.tryAdd(orders(10))).toBe(false);
  });

  test('what cleanup took does nothing, and others of the same buffers are charged anew', async () => {
    const { memory, pool } = make();
    const [table, again] = [orders(10), orders(20)];
    const query = memory.openQuery('q');
    const tracked = trackArrowOrThrow(table, { pool, scope: query });
    tracked.add(again);
    query.close();
    await memory.cleanup();
    expect(pool.usedBytes).toBe(0);
    using other = trackArrowOrThrow(table, { pool });
    expect(other.chargedBytes).toBe(expected(table));
    tracked.free();
    expect(pool.usedBytes).toBe(other.chargedBytes);
  });

  test('a charge that nobody freed is lost once its buffers are garbage too, and not before', async () => {
    const { memory, pool } = make();
    let table: Table | undefined = orders(1000);
    const { bytes } = trackArrowOrThrow(table, { pool, tag: 'forgotten' });
    const lost = (): unknown => memory.leaks().leaks.map(({ kind, tag, bytes: lostBytes }) => [kind, tag, lostBytes]);
    for (let round = 0; round < 5; round += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await collect();
    }
    expect(lost()).toEqual([]);
    expect(table.numRows).toBe(1000);
    table = undefined;
    await expect
      .poll(
        async () => {
          await collect();
          return lost();
        },
        { timeout: 20_000 },
      )
      .toEqual([['lost', 'forgotten', bytes]]);
  });
});

test('a batch of its own rows shares what the table has', () => {
  const { pool } = make();
  const table = orders(1000);
  using whole = trackArrowOrThrow(table, { pool });
  const [batch] = table.batches;
  if (batch === undefined) throw new Error('the table is empty');
  using part = trackArrowOrThrow(new RecordBatch(table.schema, batch.data.slice(0, 10)), { pool });
  expect([part.chargedBytes, part.bytes]).toEqual([0, whole.bytes]);
});
