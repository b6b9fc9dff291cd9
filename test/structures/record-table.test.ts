import { expect, test } from 'vitest';
import type { Columns } from '../../src/structures/record-table/columns.ts';
import { RecordTable, type RecordTableOptions } from '../../src/structures/record-table/record-table.ts';
import { codeOf, makeManager, poolStats, wrong } from '../memory/make-manager.ts';

const SUBSCRIBER = { userId: 'u32', topicId: 'u32', since: 'f64', flags: 'u8', name: 'text' } as const;
/** 21 bytes of fields and 8 of the table's own. */
const ROW_BYTES = 29;

function makeTable({ limit = 10_000_000, rowsMax = 100_000 } = {}) {
  const { memory, clock } = makeManager({ pools: { tables: { limit } } });
  const pool = memory.pool('tables');
  return { memory, clock, pool, table: new RecordTable({ pool, columns: SUBSCRIBER, rowsMax, tag: 'subscribers' }) };
}

function subscriber(userId: number, name = `user ${userId}`) {
  return { userId, topicId: userId * 3, since: userId + 0.5, flags: userId & 255, name };
}

test('a record is added, read whole and by field, changed and removed', () => {
  const { table } = makeTable();
  const id = table.addOrThrow(subscriber(7));
  expect(table.read(id)).toEqual(subscriber(7));
  expect(Object.keys(table.read(id))).toEqual(Object.keys(SUBSCRIBER));
  expect([table.get(id, 'userId'), table.get(id, 'since'), table.get(id, 'name')]).toEqual([7, 7.5, 'user 7']);
  expect([table.set(id, 'flags', 255), table.set(id, 'name', 'Zoë 🌍')]).toEqual([true, true]);
  expect(table.read(id)).toEqual({ ...subscriber(7, 'Zoë 🌍'), flags: 255 });
  expect([table.size, table.has(id), [...table]]).toEqual([1, true, [id]]);
  table.remove(id);
  expect([table.size, table.has(id), [...table]]).toEqual([0, false, []]);
});

test('every kind of column keeps its extremes', () => {
  const { pool } = makeTable();
  const columns = {
    u8: 'u8',
    u16: 'u16',
    u32: 'u32',
    i8: 'i8',
    i16: 'i16',
    i32: 'i32',
    f32: 'f32',
    f64: 'f64',
    bool: 'bool',
    text: 'text',
  } as const;
  const table = new RecordTable({ pool, columns, rowsMax: 100 });
  const highest = {
    u8: 255,
    u16: 65_535,
    u32: 4_294_967_295,
    i8: 127,
    i16: 32_767,
    i32: 2_147_483_647,
    f32: 0.5,
    f64: Number.MAX_SAFE_INTEGER,
    bool: true,
    text: 'x'.repeat(2000),
  };
  const lowest = {
    u8: 0,
    u16: 0,
    u32: 0,
    i8: -128,
    i16: -32_768,
    i32: -2_147_483_648,
    f32: -1e30,
    f64: NaN,
    bool: false,
    text: '',
  };
  const ids = [table.addOrThrow(highest), table.addOrThrow(lowest), table.addOrThrow(highest)];
  expect(ids.map((id) => table.read(id))).toEqual([highest, { ...lowest, f32: Math.fround(-1e30) }, highest]);
});

test('a stale id is refused by a code, whatever has become of its row; what never was an id by another', () => {
  const { table } = makeTable({ rowsMax: 1 });
  const stale = table.addOrThrow(subscriber(1));
  table.remove(stale);
  for (const action of [
    () => table.get(stale, 'userId'),
    () => table.set(stale, 'userId', 2),
    () => table.read(stale),
    () => table.remove(stale),
  ])
    expect(codeOf(action)).toBe('MEMTOOL_USE_AFTER_FREE');
  const id = table.addOrThrow(subscriber(2));
  expect(id).not.toBe(stale);
  expect(codeOf(() => table.get(stale, 'userId'))).toBe('MEMTOOL_USE_AFTER_FREE');
  expect(table.has(stale)).toBe(false);
  for (const none of [-1, 0, id + 1, id + 0.5, NaN, Infinity, 2 ** 53, wrong<number>('1'), wrong<number>(undefined)]) {
    expect(codeOf(() => table.get(none, 'userId'))).toBe('MEMTOOL_NOT_FOUND');
    expect(table.has(none)).toBe(false);
  }
  expect(table.read(id)).toEqual(subscriber(2));
});

test('with rowsMax records it takes no more until one is removed', () => {
  const { table } = makeTable({ rowsMax: 3 });
  const ids = [1, 2, 3].map((userId) => table.addOrThrow(subscriber(userId)));
  expect(table.add(subscriber(4))).toBeUndefined();
  expect(codeOf(() => table.addOrThrow(subscriber(4)))).toBe('MEMTOOL_LIMIT');
  table.remove(ids[1] ?? 0);
  expect(table.add(subscriber(4))).toBeDefined();
  expect([...table].map((id) => table.get(id, 'userId'))).toEqual([1, 4, 3]);
});

test('its buffers are charged to the byte: in chunks as it grows, given back as chunks become empty', () => {
  const { pool, table } = makeTable();
  expect([table.usedBytes, pool.usedBytes]).toEqual([0, 0]);
  const ids = Array.from({ length: 10_000 }, (_, userId) => table.addOrThrow(subscriber(userId, 'same')));
  // 2,048 rows a chunk, and for texts one chunk and the smallest table of chains.
  const textBytes = 16_384 + 256;
  expect([table.usedBytes, pool.usedBytes]).toEqual([5 * 2048 * ROW_BYTES + textBytes, table.usedBytes]);
  for (const id of ids.slice(2048)) table.remove(id);
  expect([table.usedBytes, pool.usedBytes]).toEqual([2 * 2048 * ROW_BYTES + textBytes, table.usedBytes]);
  table.clear();
  expect([table.size, table.usedBytes, pool.usedBytes]).toEqual([0, 2048 * ROW_BYTES, table.usedBytes]);
  table.free();
  expect([table.usedBytes, pool.usedBytes]).toEqual([0, 0]);
});

test('a removed row is used again: a table that is added to and removed from for ever takes no more memory, and no id comes twice', () => {
  const { table } = makeTable({ rowsMax: 3000 });
  const seen = new Set<number>();
  const live: number[] = [];
  for (let round = 0; round < 50_000; round += 1) {
    const id = table.addOrThrow(subscriber(round, `user ${round % 100}`));
    expect(seen.has(id)).toBe(false);
    seen.add(id);
    live.push(id);
    if (live.length > 2500) table.remove(live.shift() ?? 0);
  }
  expect(table.usedBytes).toBe(2 * 2048 * ROW_BYTES + 16_384 + 512);
});

test('an id from before its chunk was given back stays stale once the chunk is there again', () => {
  const { table } = makeTable();
  const fill = (): number[] => Array.from({ length: 5000 }, (_, userId) => table.addOrThrow(subscriber(userId)));
  const first = fill();
  const before = table.usedBytes;
  table.clear();
  expect(table.usedBytes).toBeLessThan(before);
  const second = fill();
  for (const id of first) {
    expect(table.has(id)).toBe(false);
    expect(codeOf(() => table.get(id, 'userId'))).toBe('MEMTOOL_USE_AFTER_FREE');
  }
  expect(second.map((id) => table.get(id, 'userId'))).toEqual(second.map((_, userId) => userId));
});

test('a row whose generations have run out is not used again', () => {
  const { memory } = makeManager({ pools: { tables: { limit: '1GB' } } });
  // Of 53 bits 32 are the row's: 21 are left for its generation, of which an add and a remove each take one.
  const table = new RecordTable({ pool: memory.pool('tables'), columns: { value: 'u8' }, rowsMax: 2 ** 32 });
  const first = table.addOrThrow({ value: 1 });
  table.remove(first);
  let last = first;
  for (let use = 1; use < 2 ** 20; use += 1) {
    last = table.addOrThrow({ value: 1 });
    table.remove(last);
  }
  expect(last).toBe(first + (2 ** 21 - 2) * 2 ** 32);
  expect(last).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  const next = table.addOrThrow({ value: 2 });
  expect([next, table.size, [...table]]).toEqual([first + 1, 1, [next]]);
  expect(codeOf(() => table.get(last, 'value'))).toBe('MEMTOOL_USE_AFTER_FREE');
});

test('a text is there once, with all its uses, and its memory serves the next one when the last use is gone', () => {
  const { table } = makeTable();
  const ids = Array.from({ length: 1000 }, (_, userId) => table.addOrThrow(subscriber(userId, 'the same name')));
  expect(table.textsHeld).toBe(1);
  const other = table.addOrThrow(subscriber(1, 'another'));
  table.set(other, 'name', 'the same name');
  table.set(other, 'name', 'the same name');
  expect(table.textsHeld).toBe(1);
  for (const id of ids) table.remove(id);
  expect([table.textsHeld, table.get(other, 'name')]).toEqual([1, 'the same name']);
  table.set(other, 'name', '');
  expect([table.textsHeld, table.get(other, 'name')]).toEqual([0, '']);

  const before = table.usedBytes;
  for (let round = 0; round < 20_000; round += 1) table.set(other, 'name', `name ${String(round).padStart(6, '0')}`);
  expect(table.usedBytes).toBe(before + 16_384 + 256);
});

test('texts that differ in one byte, in a nul or in their length are told apart', () => {
  const { table } = makeTable();
  const names = ['a', 'b', 'a\0', '\0', '', 'aa', 'ä', 'a\u0308', '🌍', '🌎', 'x'.repeat(1999), 'x'.repeat(2000)];
  const ids = names.map((name, userId) => table.addOrThrow(subscriber(userId, name)));
  expect(ids.map((id) => table.get(id, 'name'))).toEqual(names);
  expect(table.textsHeld).toBe(names.length - 1);
});

test('without room it is refused as a value, or with a MemoryLimitError that names the tag, and nothing has changed', () => {
  const chunkBytes = 2048 * ROW_BYTES;
  const { memory, pool, table } = makeTable({ limit: chunkBytes - 1 });
  expect(table.add(subscriber(1, ''))).toBeUndefined();
  expect(() => table.addOrThrow(subscriber(1, ''))).toThrow(/refused 58\.0 KiB for subscribers/);
  expect(table.add(subscriber(1))).toBeUndefined();
  expect([pool.usedBytes, table.size, table.usedBytes, table.textsHeld]).toEqual([0, 0, 0, 0]);
  expect(poolStats(memory, 'tables').rejections).toBeGreaterThan(0);
});

test('a new text that there is no room for leaves the field as it was', () => {
  const { pool, table } = makeTable({ limit: 2048 * ROW_BYTES + 1000 });
  const id = table.addOrThrow(subscriber(1, ''));
  const { usedBytes } = pool;
  expect(table.set(id, 'name', 'new')).toBe(false);
  expect([table.get(id, 'name'), table.set(id, 'userId', 5), pool.usedBytes]).toEqual(['', true, usedBytes]);
});

test('it is charged to the scope in which it was made, whoever makes it grow', () => {
  const { memory, table } = makeTable();
  memory.query('q-1', { user: 'ana' }, (query) => {
    table.addOrThrow(subscriber(1));
    expect(query.usedBytes).toBe(0);
    using inner = new RecordTable({ pool: memory.pool('tables'), columns: { a: 'u8' }, rowsMax: 10 });
    inner.addOrThrow({ a: 1 });
    expect(query.usedBytes).toBe(inner.usedBytes);
  });
});

test('a value that its column cannot hold is a coded error, and changes nothing', () => {
  const { table } = makeTable();
  const id = table.addOrThrow(subscriber(1));
  for (const value of [-1, 256, 1.5, NaN, wrong<number>('1'), wrong<number>(undefined), wrong<number>(1n)])
    expect(codeOf(() => table.set(id, 'flags', value))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => table.set(id, 'name', wrong<string>(5)))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => table.set(id, 'name', 'ä'.repeat(1001)))).toBe('MEMTOOL_INVALID_SIZE');
  expect(codeOf(() => table.add({ ...subscriber(2), name: 'x'.repeat(2001) }))).toBe('MEMTOOL_INVALID_SIZE');
  expect(codeOf(() => table.add(wrong({ userId: 1 })))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => table.get(id, wrong<'name'>('surname')))).toBe('MEMTOOL_INVALID_OPTION');
  expect([table.size, table.textsHeld, table.read(id)]).toEqual([1, 1, subscriber(1)]);
});

test.each<[string, Partial<RecordTableOptions<Columns>>]>([
  ['no columns', { columns: {} }],
  ['a kind that is none', { columns: { a: wrong('u64') } }],
  ['a kind by the name of a method', { columns: { a: wrong('toString') } }],
  ['no rows', { rowsMax: 0 }],
  ['chunks of no rows', { chunkRows: 0 }],
  ['too many rows', { rowsMax: 2 ** 32 + 1 }],
])('%s is a coded error', (_, options) => {
  const asked: RecordTableOptions<Columns> = { pool: makeTable().pool, columns: SUBSCRIBER, rowsMax: 10, ...options };
  expect(codeOf(() => new RecordTable(asked))).toBe('MEMTOOL_INVALID_OPTION');
});

test('a column may have any name', () => {
  const { pool } = makeTable();
  const columns = { constructor: 'u8', 'a b': 'text' } as const;
  const table = new RecordTable({ pool, columns, rowsMax: 10 });
  const id = table.addOrThrow({ constructor: 5, 'a b': 'x' });
  expect([table.get(id, 'constructor'), table.get(id, 'a b')]).toEqual([5, 'x']);
});

test('records may be removed while they are gone through', () => {
  const { table } = makeTable();
  for (let userId = 0; userId < 5000; userId += 1) table.addOrThrow(subscriber(userId));
  for (const id of table) if (table.get(id, 'userId') % 2 === 0) table.remove(id);
  expect(table.size).toBe(2500);
  expect([...table].every((id) => table.get(id, 'userId') % 2 === 1)).toBe(true);
});

test('once freed it holds nothing, and using it is a coded error', () => {
  const { pool, table } = makeTable();
  const id = table.addOrThrow(subscriber(1));
  table.free();
  table.free();
  expect([pool.usedBytes, table.size, table.has(id), [...table]]).toEqual([0, 0, false, []]);
  for (const action of [
    () => table.add(subscriber(2)),
    () => table.get(id, 'userId'),
    () => table.set(id, 'userId', 1),
    () => table.read(id),
    () => table.remove(id),
  ])
    expect(codeOf(action)).toBe('MEMTOOL_USE_AFTER_FREE');
});

test('when a forced cleanup takes its charge, what it holds stays, and it grows no more', async () => {
  const { memory, clock, pool, table } = makeTable();
  const ids = [table.addOrThrow(subscriber(1))];
  clock.advance(10);
  await memory.cleanup({ force: true, ageSeconds: 5 });
  expect([pool.usedBytes, table.read(ids[0] ?? 0)]).toEqual([0, subscriber(1)]);
  for (let userId = 2; userId <= 2048; userId += 1) ids.push(table.addOrThrow(subscriber(userId, 'user 1')));
  expect(table.add(subscriber(2049, 'user 1'))).toBeUndefined();
  expect(codeOf(() => table.addOrThrow(subscriber(2049, 'user 1')))).toBe('MEMTOOL_REVOKED');
  expect(ids.map((id) => table.get(id, 'userId'))).toEqual(ids.map((_, index) => index + 1));
  table.free();
  expect(pool.usedBytes).toBe(0);
});

test('logged, it shows its facts and not its records', () => {
  const { table } = makeTable();
  expect(JSON.parse(JSON.stringify(table))).toEqual({ pool: 'tables', size: 0, rowsMax: 100_000, usedBytes: 0 });
});
