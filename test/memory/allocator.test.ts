import { describe, expect, test } from 'vitest';
import type { Allocator } from '../../src/memory/allocator.ts';
import { PoolAllocator } from '../../src/memory/pool-allocator.ts';
import { SharedAllocator, SystemAllocator } from '../../src/memory/system-allocator.ts';
import { TrackedAllocator } from '../../src/memory/tracked-allocator.ts';
import { codeOf, makeManager, wrong } from './make-manager.ts';

function makePoolAllocator(): PoolAllocator {
  return new PoolAllocator(makeManager().memory.pool('cache'), { tag: 'vectors' });
}

/** What every allocator of memtool must do in the same way. */
const ALLOCATORS: [name: string, make: () => Allocator][] = [
  ['SystemAllocator', () => new SystemAllocator()],
  ['SharedAllocator', () => new SharedAllocator()],
  ['PoolAllocator', makePoolAllocator],
  ['TrackedAllocator over the system', () => new TrackedAllocator(new SystemAllocator())],
  ['TrackedAllocator over one over a pool', () => new TrackedAllocator(new TrackedAllocator(makePoolAllocator()))],
];

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + 1);
}

describe.each(ALLOCATORS)('%s', (_, make) => {
  test.each([1, 7, 4096, 100_000])('hands out a plain Uint8Array of exactly %i bytes and counts it', (size) => {
    const allocator = make();
    const bytes = allocator.allocate(size);
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.byteLength).toBe(size);
    expect(allocator.bytesUsed).toBe(size);
    allocator.free(bytes);
    expect(allocator.bytesUsed).toBe(0);
  });

  test('zero bytes are an empty buffer of their own, freed once like any other', () => {
    const allocator = make();
    const [one, two] = [allocator.allocate(0), allocator.allocate(0)];
    expect([one.byteLength, two.byteLength, allocator.bytesUsed]).toEqual([0, 0, 0]);
    allocator.free(one);
    expect(codeOf(() => allocator.free(one))).toBe('MEMTOOL_DOUBLE_FREE');
    expect(allocator.reallocate(5, two).byteLength).toBe(5);
    expect(allocator.bytesUsed).toBe(5);
  });

  test.each([
    ['growing', 1000, 5000],
    ['shrinking', 5000, 1000],
    ['growing by one byte', 1000, 1001],
    ['growing from zero', 0, 10],
    ['shrinking to zero', 10, 0],
  ])('%s keeps the contents up to the smaller size, and frees the old buffer', (_change, from, to) => {
    const allocator = make();
    const other = allocator.allocate(3);
    const bytes = allocator.allocate(from);
    bytes.set(pattern(from));
    const reallocated = allocator.reallocate(to, bytes);
    const kept = Math.min(from, to);
    expect(reallocated.byteLength).toBe(to);
    expect(Array.from(reallocated.subarray(0, kept))).toEqual(Array.from(pattern(kept)));
    expect(allocator.bytesUsed).toBe(3 + to);
    expect(codeOf(() => allocator.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
    expect(codeOf(() => allocator.reallocate(1, bytes))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(allocator.bytesUsed).toBe(3 + to);
    allocator.free(reallocated);
    allocator.free(other);
    expect(allocator.bytesUsed).toBe(0);
  });

  test.each([0, 1, 5000])('reallocating %i bytes to the same size gives the same buffer, still live', (size) => {
    const allocator = make();
    const bytes = allocator.allocate(size);
    bytes.fill(9);
    expect(allocator.reallocate(size, bytes)).toBe(bytes);
    expect(bytes.every((byte) => byte === 9)).toBe(true);
    expect(allocator.bytesUsed).toBe(size);
    allocator.free(bytes);
    expect(allocator.bytesUsed).toBe(0);
  });

  test.each([NaN, -1, 0.5, Infinity, -Infinity, 2 ** 53, '5', null, undefined, {}, 5n])(
    'a size of %s is refused with MEMTOOL_INVALID_SIZE and changes nothing',
    (bad) => {
      const allocator = make();
      const bytes = allocator.allocate(10);
      bytes.fill(3);
      expect(codeOf(() => allocator.allocate(wrong(bad)))).toBe('MEMTOOL_INVALID_SIZE');
      expect(codeOf(() => allocator.reallocate(wrong(bad), bytes))).toBe('MEMTOOL_INVALID_SIZE');
      expect(allocator.bytesUsed).toBe(10);
      expect(Array.from(bytes)).toEqual(Array(10).fill(3));
      allocator.free(bytes);
    },
  );

  test('what it never handed out is refused with MEMTOOL_FOREIGN_BUFFER and changes nothing', () => {
    const allocator = make();
    const bytes = allocator.allocate(10);
    const foreign = [
      new Uint8Array(10),
      new Uint8Array(0),
      Buffer.alloc(10),
      make().allocate(10),
      ...[undefined, null, 10, 'bytes', {}, bytes.buffer, new DataView(bytes.buffer)].map((it) =>
        wrong<Uint8Array>(it),
      ),
    ];
    for (const each of foreign) {
      expect(codeOf(() => allocator.free(each))).toBe('MEMTOOL_FOREIGN_BUFFER');
      expect(codeOf(() => allocator.reallocate(5, each))).toBe('MEMTOOL_FOREIGN_BUFFER');
    }
    expect(allocator.bytesUsed).toBe(10);
    allocator.free(bytes);
  });

  test('a subarray or another view of what it handed out is foreign, even over the very same bytes', () => {
    const allocator = make();
    const bytes = allocator.allocate(10);
    for (const view of [
      bytes.subarray(2, 5),
      bytes.subarray(0, 0),
      bytes.subarray(),
      new Uint8Array(bytes.buffer, bytes.byteOffset, 10),
    ]) {
      expect(codeOf(() => allocator.free(view))).toBe('MEMTOOL_FOREIGN_BUFFER');
      expect(codeOf(() => allocator.reallocate(5, view))).toBe('MEMTOOL_FOREIGN_BUFFER');
    }
    expect(allocator.bytesUsed).toBe(10);
    allocator.free(bytes);
    expect(allocator.bytesUsed).toBe(0);
  });

  test('a second free is found even when the same memory has gone to someone else, who keeps it', () => {
    const allocator = make();
    const first = allocator.allocate(4096);
    allocator.free(first);
    const second = allocator.allocate(4096);
    second.fill(5);
    expect(codeOf(() => allocator.free(first))).toBe('MEMTOOL_DOUBLE_FREE');
    expect(codeOf(() => allocator.reallocate(10, first))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(allocator.bytesUsed).toBe(4096);
    expect(second.every((byte) => byte === 5)).toBe(true);
    allocator.free(second);
  });

  test('a size that no buffer can have is refused with a coded error and changes nothing', () => {
    const allocator = make();
    const bytes = allocator.allocate(10);
    bytes.fill(4);
    for (const size of [Number.MAX_SAFE_INTEGER, 2 ** 52]) {
      const refused = expect.stringMatching(/^MEMTOOL_(OUT_OF_MEMORY|LIMIT)$/);
      expect(codeOf(() => allocator.allocate(size))).toEqual(refused);
      expect(codeOf(() => allocator.reallocate(size, bytes))).toEqual(refused);
    }
    expect(allocator.bytesUsed).toBe(10);
    expect(Array.from(bytes)).toEqual(Array(10).fill(4));
    allocator.free(bytes);
  });
});

describe('memory of the system', () => {
  test('is zeroed, and is a whole ArrayBuffer or SharedArrayBuffer of its own', () => {
    const bytes = new SystemAllocator().allocate(100);
    expect(bytes.buffer).toBeInstanceOf(ArrayBuffer);
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 100]);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(new SharedAllocator().allocate(100).buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('that was transferred away stays counted until it is freed, and cannot be reallocated', () => {
    const allocator = new TrackedAllocator(new SystemAllocator());
    const bytes = allocator.allocate(100);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect([bytes.byteLength, allocator.bytesUsed]).toEqual([0, 100]);
    expect(codeOf(() => allocator.reallocate(200, bytes))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(codeOf(() => allocator.reallocate(100, bytes))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(allocator.bytesUsed).toBe(100);
    allocator.free(bytes);
    expect(allocator.bytesUsed).toBe(0);
  });

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 3 * 2 ** 30])(
    'of %i bytes is counted, shrunk and freed like any other',
    (size) => {
      // Pages that nobody touches take no memory.
      const allocator = new TrackedAllocator(new SystemAllocator());
      const bytes = allocator.allocate(size);
      bytes[4] = 9;
      expect(allocator.bytesUsed).toBe(size);
      const shorter = allocator.reallocate(5, bytes);
      expect([shorter[4], allocator.bytesUsed]).toEqual([9, 5]);
      expect(codeOf(() => allocator.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
      allocator.free(shorter);
      expect(allocator.bytesUsed).toBe(0);
    },
  );

  test('that is freed stays whole for whoever still refers to it', () => {
    const allocator = new SystemAllocator();
    const bytes = allocator.allocate(100);
    bytes.fill(7);
    allocator.free(bytes);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  });
});
