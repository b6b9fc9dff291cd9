import { describe, expect, test } from 'vitest';
import type { MemoryManagerOptions } from '../../../src/memory/manager-options.ts';
import { TALLY_REJECTIONS } from '../../../src/memory/ledger/layout.ts';
import type { Batch } from '../../../src/memory/scope/batch.ts';
import { collectAll, collectUntil } from '../collect.ts';
import { codeOf, makeManager, wrong } from '../make-manager.ts';
import { Collected } from './collected.ts';

const CHUNK_BYTES = 64 * 1024;

function make(options: MemoryManagerOptions = {}) {
  const { memory, clock } = makeManager(options);
  const query = memory.openQuery('q', { user: 'ana' });
  return { memory, clock, query, pool: memory.pool('query') };
}

function take(batch: Batch, bytes: number): Buffer {
  const taken = batch.allocate(bytes);
  if (taken === undefined) throw new Error('refused');
  return taken;
}

describe('a batch', () => {
  test('cuts Buffers of the length asked for, aligned to 16, that never overlap', () => {
    const { query, pool } = make();
    const batch = query.batch(pool);
    const sizes = [1, 0, 16, 17, 300, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5, 200_000, 31];
    const buffers = sizes.map((size) => take(batch, size));
    for (const [index, buffer] of buffers.entries()) buffer.fill(index + 1);
    expect(buffers.map(({ length }) => length)).toEqual(sizes);
    expect(buffers.every(({ byteOffset, length }) => length === 0 || byteOffset % 16 === 0)).toBe(true);
    expect(buffers.map((buffer) => buffer.every((byte) => byte === buffers.indexOf(buffer) + 1))).not.toContain(false);
  });

  test('charges chunks to pool, scope and all above, and gives all back in one step, once', () => {
    const { query, pool } = make();
    const batch = query.batch(pool);
    for (let count = 0; count < 100; count += 1) take(batch, 1000);
    const held = [pool, query, query.user].map((account) => account?.usedBytes);
    expect(held).toEqual([2 * CHUNK_BYTES, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES]);
    expect(batch.usedBytes).toBe(2 * CHUNK_BYTES);
    batch.free();
    batch.free();
    batch[Symbol.dispose]();
    expect([batch.usedBytes, pool.usedBytes, query.usedBytes]).toEqual([0, 0, 0]);
    expect(codeOf(() => batch.allocate(1))).toBe('MEMTOOL_USE_AFTER_FREE');
  });

  test('keeps what is left of its chunk when something larger than a chunk comes in between', () => {
    const { query, pool } = make();
    const batch = query.batch(pool);
    for (let count = 0; count < 10; count += 1) {
      take(batch, 16);
      take(batch, CHUNK_BYTES + 16);
    }
    expect(batch.usedBytes).toBe(CHUNK_BYTES + 10 * (CHUNK_BYTES + 16));
  });

  test('is freed when its scope ends, and nothing of it is orphaned', () => {
    const { memory, query, pool } = make();
    const batch = query.batch(pool);
    take(batch, 10);
    query.close();
    expect([pool.usedBytes, memory.endedScopes()[0]?.leftBytes, memory.leaks().leaks]).toEqual([0, 0, []]);
    expect(codeOf(() => batch.allocate(1))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(codeOf(() => query.batch(pool))).toBe('MEMTOOL_SCOPE_ENDED');
  });

  test('is refused only when not even what is asked for fits, by pool or scope, and goes on after', async () => {
    const { memory, query, pool } = make();
    const batch = query.batch(pool);
    await memory.setLimit(query, 1000);
    take(batch, 600);
    expect(batch.allocate(401)).toBeUndefined();
    expect([query.usedBytes, query.peakBytes, query.figure(TALLY_REJECTIONS) > 0]).toEqual([600, 600, true]);
    expect(take(batch, 400)).toHaveLength(400);
    await memory.setLimit(query, undefined);
    expect(take(batch, 401)).toHaveLength(401);
    batch.free();
    expect(query.usedBytes).toBe(0);
  });

  test('takes a new chunk when a forced cleanup took its own', async () => {
    const { memory, clock, query, pool } = make();
    const batch = query.batch(pool);
    take(batch, 100).fill(7);
    clock.advance(400);
    await memory.cleanup({ force: true });
    expect(pool.usedBytes).toBe(0);
    take(batch, 100);
    expect([pool.usedBytes, batch.usedBytes]).toEqual([CHUNK_BYTES, CHUNK_BYTES]);
    batch.free();
    expect([pool.usedBytes, query.usedBytes]).toEqual([0, 0]);
  });

  test('tags its chunks and is tagged as whoever filled them first', () => {
    const { memory, clock, query, pool } = make();
    query.batch(pool).allocate(10, { tag: 'rows' });
    clock.advance(301);
    expect(memory.leaks().leaks).toMatchObject([{ tag: 'rows', bytes: CHUNK_BYTES, scope: { name: 'q' } }]);
  });

  test('that was freed is not kept by its scope', async () => {
    const { query, pool } = make();
    const collected = new Collected();
    // Of several, since a stale register may keep the last one alive; its scope would keep them all.
    for (let round = 0; round < 10; round += 1) {
      const batch = query.batch(pool);
      take(batch, 10);
      batch.free();
      collected.watch(batch);
    }
    await collectUntil(() => collected.count >= 5);
    expect(query.usedBytes).toBe(0);
  });

  test('that nobody holds is not lost while its scope is open', async () => {
    const { memory, query, pool } = make();
    const view = take(query.batch(pool), 10).fill(3);
    await collectAll();
    expect([memory.leaks().leaks, query.usedBytes, view[9]]).toEqual([[], CHUNK_BYTES, 3]);
  });

  test.each([-1, 1.5, NaN, '10', undefined])('refuses %s as a size with a code', (size) => {
    const { query, pool } = make();
    expect(codeOf(() => query.batch(pool).allocate(wrong(size)))).toBe('MEMTOOL_INVALID_SIZE');
  });
});
