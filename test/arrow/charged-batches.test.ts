/** IPC files and streams that apache-arrow has written, read batch by batch. */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Int32,
  RecordBatchReader,
  Table,
  tableFromArrays,
  tableToIPC,
  vectorFromArray,
  type RecordBatch,
} from 'apache-arrow';
import { expect, onTestFinished, test } from 'vitest';
import { chargedBatches, trackArrowOrThrow } from '../../src/arrow/arrow.ts';
import { makeManager } from '../memory/make-manager.ts';

const BATCHES = 20;
const ROWS = 5000;

function rows(): Table {
  return new Table(Array.from({ length: BATCHES }, (_, batch) => rowsOf(batch)).flat());
}

function rowsOf(batch: number): RecordBatch[] {
  return tableFromArrays({
    id: Int32Array.from({ length: ROWS }, (_, row) => batch * ROWS + row),
    total: Float64Array.from({ length: ROWS }, (_, row) => row / 7),
  }).batches;
}

function write(kind: 'file' | 'stream'): { path: string; bytes: number } {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-arrow-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'rows.arrow');
  const contents = tableToIPC(rows(), kind);
  writeFileSync(path, contents);
  return { path, bytes: contents.length };
}

function make(limit: number | string) {
  const { memory } = makeManager({ pools: { query: { limit } } });
  return { memory, pool: memory.pool('query') };
}

/** A batch with what Arrow puts around it. */
const BATCH_BYTES = ROWS * 12;

test.each(['file', 'stream'] as const)('of a %s on the disk one batch is charged at a time', async (kind) => {
  const { path, bytes } = write(kind);
  const { pool } = make(2 * BATCH_BYTES);
  expect(bytes).toBeGreaterThan(BATCHES * BATCH_BYTES);
  const reader =
    kind === 'file'
      ? await RecordBatchReader.from(await open(path))
      : await RecordBatchReader.from(createReadStream(path));
  let sum = 0;
  let count = 0;
  for await (const batch of chargedBatches(reader, { pool, tag: 'scan' })) {
    count += 1;
    for (const row of batch) sum += row['id'];
    expect(pool.usedBytes).toBeGreaterThanOrEqual(BATCH_BYTES);
    expect(pool.usedBytes).toBeLessThan(1.2 * BATCH_BYTES);
  }
  expect([count, sum]).toEqual([BATCHES, ((BATCHES * ROWS - 1) * BATCHES * ROWS) / 2]);
  expect(pool.usedBytes).toBe(0);
  expect(pool.peakBytes).toBeLessThan(1.2 * BATCH_BYTES);
});

test('whoever stops early, or fails, gives it back', async () => {
  const { path } = write('stream');
  const { pool } = make('10MB');
  for await (const _ of chargedBatches(await RecordBatchReader.from(createReadStream(path)), { pool })) break;
  expect(pool.usedBytes).toBe(0);
  const failing = async (): Promise<void> => {
    for await (const _ of chargedBatches(await RecordBatchReader.from(createReadStream(path)), { pool })) {
      throw new Error('enough');
    }
  };
  await expect(failing()).rejects.toThrow('enough');
  expect(pool.usedBytes).toBe(0);
});

test('a batch that is refused ends the reading, and closes the file', async () => {
  const { path } = write('stream');
  const { pool } = make(BATCH_BYTES / 2);
  const stream = createReadStream(path);
  const reader = await RecordBatchReader.from(stream);
  const read = async (): Promise<unknown> => {
    for await (const batch of chargedBatches(reader, { pool, tag: 'scan' })) return batch;
    return undefined;
  };
  await expect(read()).rejects.toMatchObject({ code: 'MEMTOOL_LIMIT' });
  await expect.poll(() => stream.destroyed, { timeout: 20_000 }).toBe(true);
  expect(pool.usedBytes).toBe(0);
});

test('what is kept longer is tracked by itself, and stays', async () => {
  const { path } = write('stream');
  const { pool } = make('10MB');
  const kept = [];
  for await (const batch of chargedBatches(await RecordBatchReader.from(createReadStream(path)), { pool })) {
    if (kept.length < 3) kept.push(trackArrowOrThrow(batch, { pool, tag: 'kept' }));
  }
  const sum = kept.reduce((bytes, tracked) => bytes + tracked.bytes, 0);
  expect(pool.usedBytes).toBe(sum);
  expect(sum).toBeGreaterThanOrEqual(3 * BATCH_BYTES);
  for (const tracked of kept) tracked.free();
  expect(pool.usedBytes).toBe(0);
});

test('in a query it is charged to that', async () => {
  const { path } = write('stream');
  const { memory, pool } = make('10MB');
  await memory.query('scan', { user: 'ana' }, async (query) => {
    for await (const _ of chargedBatches(await RecordBatchReader.from(createReadStream(path)), { pool })) {
      expect(query.user?.usedBytes).toBe(pool.usedBytes);
      expect(query.usedBytes).toBeGreaterThanOrEqual(BATCH_BYTES);
    }
    expect(query.usedBytes).toBe(0);
  });
});

test('batches that are in memory do as well', async () => {
  const { pool } = make('10MB');
  const batches = new Table({ a: vectorFromArray([1, 2, 3], new Int32()) }).batches;
  let count = 0;
  for await (const batch of chargedBatches(batches, { pool })) count += batch.numRows;
  expect([count, pool.usedBytes]).toEqual([3, 0]);
});
