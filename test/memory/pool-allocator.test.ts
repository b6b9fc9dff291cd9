import { expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import { PoolAllocator } from '../../src/memory/pool-allocator.ts';
import { TrackedAllocator } from '../../src/memory/tracked-allocator.ts';
import { collectAll, collectUntil } from './collect.ts';
import { codeOf, makeManager, poolStats } from './make-manager.ts';

const LIMIT = 10_000;

function makePool() {
  const { memory, clock } = makeManager({ pools: { vectors: { limit: LIMIT } } });
  const pool = memory.pool('vectors');
  const inner = new PoolAllocator(pool, { tag: 'column' });
  return { memory, clock, pool, inner, allocator: new TrackedAllocator(inner) };
}

/** Everything that a refusal must leave alone. */
function trace(memory: ReturnType<typeof makePool>['memory']) {
  return { ...poolStats(memory, 'vectors'), rejections: 0 };
}

test('what it hands out is charged to the pool under its tag, and given back by free', () => {
  const { memory, clock, pool, allocator } = makePool();
  const bytes = allocator.allocate(1000);
  expect(pool.usedBytes).toBe(1000);
  clock.advance(2);
  expect(memory.leaks({ ageSeconds: 0 }).leaks).toMatchObject([{ pool: 'vectors', tag: 'column', bytes: 1000 }]);
  const longer = allocator.reallocate(3000, bytes);
  expect(pool.usedBytes).toBe(3000);
  allocator.free(longer);
  expect([pool.usedBytes, poolStats(memory, 'vectors').live]).toEqual([0, 0]);
});

test('a refusal is a MemoryLimitError that names the pool and the tag, and leaves no trace but a rejection', () => {
  const { memory, pool, inner, allocator } = makePool();
  const bytes = allocator.allocate(6000);
  bytes.fill(8);
  const before = trace(memory);
  for (const ask of [() => allocator.allocate(4001), () => allocator.reallocate(6001, bytes)]) {
    expect(ask).toThrowError(MemoryLimitError);
    expect(ask).toThrowError(/vectors.*column/);
  }
  expect(trace(memory)).toEqual(before);
  expect([pool.usedBytes, inner.bytesUsed, allocator.bytesUsed]).toEqual([6000, 6000, 6000]);
  expect(bytes.every((byte) => byte === 8)).toBe(true);
  expect(allocator.reallocate(6000, bytes)).toBe(bytes);
  allocator.free(bytes);
  expect(pool.usedBytes).toBe(0);
});

test('shrinking is never refused: in a full pool the bytes stay in place, charged as they were until they are freed', () => {
  const { memory, pool, inner, allocator } = makePool();
  const bytes = allocator.allocate(LIMIT);
  bytes.forEach((_, index) => (bytes[index] = index));
  const shorter = allocator.reallocate(100, bytes);
  expect(Array.from(shorter)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect([allocator.bytesUsed, inner.bytesUsed, pool.usedBytes]).toEqual([100, 100, LIMIT]);
  expect(codeOf(() => allocator.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
  const shortest = allocator.reallocate(10, shorter);
  expect(codeOf(() => allocator.reallocate(50, shorter))).toBe('MEMTOOL_USE_AFTER_FREE');
  expect(Array.from(shortest)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  allocator.free(shortest);
  expect([allocator.bytesUsed, inner.bytesUsed, pool.usedBytes, poolStats(memory, 'vectors').live]).toEqual([
    0, 0, 0, 0,
  ]);
});

test('with zero: true new bytes are zero, and those that a growing buffer gains, also after it shrank in its place', () => {
  const { memory } = makeManager({ pools: { vectors: { limit: LIMIT }, other: { limit: LIMIT } } });
  const allocator = new PoolAllocator(memory.pool('vectors'), { zero: true });
  const dirty = allocator.allocate(4000);
  dirty.fill(255);
  allocator.free(dirty);
  const bytes = allocator.allocate(2000);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  bytes.fill(1);
  const rest = allocator.allocate(LIMIT - 2000);
  const shorter = allocator.reallocate(100, bytes);
  expect(shorter.buffer).toBe(bytes.buffer);
  allocator.free(rest);
  const longer = allocator.reallocate(3000, shorter);
  expect(longer.subarray(0, 100).every((byte) => byte === 1)).toBe(true);
  expect(longer.subarray(100).every((byte) => byte === 0)).toBe(true);
});

test('a buffer that a cleanup took cannot be reallocated, and can be freed', async () => {
  const { memory, clock, pool, inner, allocator } = makePool();
  const bytes = allocator.allocate(1000);
  clock.advance(10);
  await memory.cleanup({ force: true, ageSeconds: 1 });
  expect(pool.usedBytes).toBe(0);
  for (const size of [500, 1000, 2000]) expect(codeOf(() => allocator.reallocate(size, bytes))).toBe('MEMTOOL_REVOKED');
  expect([pool.usedBytes, inner.bytesUsed, allocator.bytesUsed]).toEqual([0, 1000, 1000]);
  allocator.free(bytes);
  expect([pool.usedBytes, inner.bytesUsed, allocator.bytesUsed]).toEqual([0, 0, 0]);
});

test('a closed manager refuses with MEMTOOL_CLOSED, and what is out can still be freed', () => {
  const { memory, allocator } = makePool();
  const bytes = allocator.allocate(1000);
  memory.close();
  expect(codeOf(() => allocator.allocate(10))).toBe('MEMTOOL_CLOSED');
  expect(codeOf(() => allocator.reallocate(2000, bytes))).toBe('MEMTOOL_CLOSED');
  expect(allocator.bytesUsed).toBe(1000);
  allocator.free(bytes);
  expect(allocator.bytesUsed).toBe(0);
});

test('a forgotten buffer is found lost, and no sooner than its last subarray is gone; the allocators go on counting it', async () => {
  const { memory, allocator } = makePool();
  const lost = () => memory.leaks({ ageSeconds: 0 }).leaks.filter(({ kind }) => kind === 'lost');
  const parts = [allocator.allocate(1000).subarray(10, 20)];
  await collectAll();
  expect(lost()).toEqual([]);
  parts.length = 0;
  await collectUntil(() => lost().length > 0);
  expect(lost()).toMatchObject([{ tag: 'column', bytes: 1000, count: 1 }]);
  expect(allocator.bytesUsed).toBe(1000);
});
