import { describe, expect, test } from 'vitest';
import type { Allocator } from '../../src/memory/allocator.ts';
import { SharedAllocator, SystemAllocator } from '../../src/memory/system-allocator.ts';
import { TrackedAllocator } from '../../src/memory/tracked-allocator.ts';
import { collectAll, collectUntil } from './collect.ts';
import { codeOf } from './make-manager.ts';

describe('nested', () => {
  test('each counts what goes through it', () => {
    const system = new SystemAllocator();
    const outer = new TrackedAllocator(system);
    const inner = new TrackedAllocator(outer);
    const [one, two, three] = [system.allocate(1), outer.allocate(20), inner.allocate(300)];
    expect([system.bytesUsed, outer.bytesUsed, inner.bytesUsed]).toEqual([321, 320, 300]);
    const four = inner.reallocate(4000, three);
    expect([system.bytesUsed, outer.bytesUsed, inner.bytesUsed]).toEqual([4021, 4020, 4000]);
    expect(codeOf(() => inner.free(two))).toBe('MEMTOOL_FOREIGN_BUFFER');
    expect(codeOf(() => outer.free(one))).toBe('MEMTOOL_FOREIGN_BUFFER');
    inner.free(four);
    outer.free(two);
    system.free(one);
    expect([system.bytesUsed, outer.bytesUsed, inner.bytesUsed]).toEqual([0, 0, 0]);
  });

  test('what is freed below and not above stays counted above, and its free says that it was freed', () => {
    const system = new SystemAllocator();
    const tracked = new TrackedAllocator(system);
    const bytes = tracked.allocate(10);
    system.free(bytes);
    expect(codeOf(() => tracked.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
    expect([system.bytesUsed, tracked.bytesUsed]).toEqual([0, 10]);
  });
});

describe('over an allocator of the application', () => {
  /** Hands out multiples of 64 bytes, as Arrow pads its buffers; one empty buffer for all; resizes in place where it can. */
  class Padding implements Allocator {
    static readonly EMPTY: Uint8Array = new Uint8Array(0);
    bytesUsed = 0;
    allocate(size: number): Uint8Array {
      const padded = Math.ceil(size / 64) * 64;
      this.bytesUsed += padded;
      return padded === 0 ? Padding.EMPTY : new Uint8Array(padded);
    }
    reallocate(size: number, bytes: Uint8Array): Uint8Array {
      if (size <= bytes.byteLength) return bytes;
      const longer = this.allocate(size);
      longer.set(bytes);
      this.free(bytes);
      return longer;
    }
    free(bytes: Uint8Array): void {
      this.bytesUsed -= bytes.byteLength;
    }
  }

  test('what it hands out counts, not what it was asked for', () => {
    const padding = new Padding();
    const tracked = new TrackedAllocator(padding);
    const bytes = tracked.allocate(100);
    expect([tracked.bytesUsed, padding.bytesUsed]).toEqual([128, 128]);
    expect(tracked.reallocate(120, bytes)).toBe(bytes);
    expect([tracked.bytesUsed, padding.bytesUsed]).toEqual([128, 128]);
    const longer = tracked.reallocate(129, bytes);
    expect([tracked.bytesUsed, padding.bytesUsed]).toEqual([192, 192]);
    tracked.free(longer);
    expect([tracked.bytesUsed, padding.bytesUsed]).toEqual([0, 0]);
  });

  test('one empty buffer for all does no harm', () => {
    const tracked = new TrackedAllocator(new Padding());
    expect(tracked.allocate(0)).toBe(tracked.allocate(0));
    expect(tracked.bytesUsed).toBe(0);
  });

  test('a buffer that is handed out while it is in use is refused: two owners would free it', () => {
    const same = new Uint8Array(10);
    const broken = { bytesUsed: 0, allocate: () => same, reallocate: () => same, free: () => {} };
    const tracked = new TrackedAllocator(broken);
    tracked.allocate(10);
    expect(codeOf(() => tracked.allocate(10))).toBe('MEMTOOL_INTERNAL');
    expect(tracked.bytesUsed).toBe(10);
  });

  test('what it throws is passed on, and nothing is counted', () => {
    const system = new SystemAllocator();
    let isFailing = false;
    class Failing extends TrackedAllocator {
      override allocate(size: number): Uint8Array {
        if (isFailing) throw new RangeError('no');
        return super.allocate(size);
      }
      override reallocate(size: number, bytes: Uint8Array): Uint8Array {
        if (isFailing) throw new RangeError('no');
        return super.reallocate(size, bytes);
      }
      override free(bytes: Uint8Array): void {
        if (isFailing) throw new RangeError('no');
        super.free(bytes);
      }
    }
    const tracked = new TrackedAllocator(new Failing(system));
    const bytes = tracked.allocate(10);
    isFailing = true;
    for (const action of [
      () => tracked.allocate(1),
      () => tracked.reallocate(1, bytes),
      () => tracked.reallocate(100, bytes),
      () => tracked.free(bytes),
    ]) {
      expect(action).toThrowError(RangeError);
      expect([tracked.bytesUsed, system.bytesUsed]).toEqual([10, 10]);
    }
    isFailing = false;
    tracked.free(bytes);
    expect([tracked.bytesUsed, system.bytesUsed]).toEqual([0, 0]);
  });
});

describe('open to', () => {
  test('subclassing: overridden calls and every change of the count are seen', () => {
    const seen: [string, number][] = [];
    class Logging extends TrackedAllocator<Uint8Array<ArrayBuffer>> {
      override allocate(size: number): Uint8Array<ArrayBuffer> {
        seen.push(['allocate', size]);
        return super.allocate(size);
      }
      protected override counted(changeBytes: number): void {
        seen.push(['counted', changeBytes]);
      }
    }
    const logging = new Logging(new SystemAllocator());
    const bytes = logging.reallocate(4, logging.allocate(10));
    logging.free(bytes);
    expect(codeOf(() => logging.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
    expect(seen).toEqual([
      ['allocate', 10],
      ['counted', 10],
      ['counted', -6],
      ['counted', -4],
    ]);
  });

  test('embedding: an allocator that bounds what it embeds', () => {
    class Bounded implements Allocator {
      private readonly tracked = new TrackedAllocator(new SystemAllocator());
      get bytesUsed(): number {
        return this.tracked.bytesUsed;
      }
      allocate(size: number): Uint8Array {
        if (this.bytesUsed + size > 100) throw new RangeError('over 100 bytes');
        return this.tracked.allocate(size);
      }
      reallocate(size: number, bytes: Uint8Array): Uint8Array {
        return this.tracked.reallocate(size, bytes);
      }
      free(bytes: Uint8Array): void {
        this.tracked.free(bytes);
      }
    }
    const bounded = new Bounded();
    const outer = new TrackedAllocator(bounded);
    const bytes = outer.allocate(90);
    expect(() => outer.allocate(11)).toThrowError(RangeError);
    expect([bounded.bytesUsed, outer.bytesUsed]).toEqual([90, 90]);
    outer.free(bytes);
    expect([bounded.bytesUsed, outer.bytesUsed]).toEqual([0, 0]);
  });
});

describe.each([
  ['ArrayBuffers', () => new SystemAllocator()],
  ['SharedArrayBuffers', () => new SharedAllocator()],
])('against what the process holds in %s', (_, make: () => Allocator) => {
  test('bytesUsed is within 1 % of it: growing, shrinking, freeing and mixed sizes', async () => {
    const tracked = new TrackedAllocator(make());
    await collectAll();
    const before = process.memoryUsage().arrayBuffers;
    const held = (): number => process.memoryUsage().arrayBuffers - before;
    const isClose = (): boolean => Math.abs(held() - tracked.bytesUsed) <= tracked.bytesUsed / 100;
    const describeGap = (): string => `${held()} held, ${tracked.bytesUsed} counted`;
    const live: Uint8Array[] = [];

    for (let index = 0; index < 3000; index += 1) live.push(tracked.allocate((index * 7919) % 65_537));
    await collectUntil(isClose, describeGap);
    expect(tracked.bytesUsed).toBeGreaterThan(90_000_000);

    live.forEach((bytes, index) => {
      if (index % 3 === 0) live[index] = tracked.reallocate((bytes.byteLength * 3) >> 1, bytes);
      if (index % 3 === 1) live[index] = tracked.reallocate(bytes.byteLength >> 2, bytes);
    });
    await collectUntil(isClose, describeGap);

    for (const bytes of live.splice(0, 1500)) tracked.free(bytes);
    await collectUntil(isClose, describeGap);
    expect(tracked.bytesUsed).toBeGreaterThan(30_000_000);

    for (const bytes of live.splice(0)) tracked.free(bytes);
    expect(tracked.bytesUsed).toBe(0);
    await collectUntil(() => held() < 500_000, describeGap);
  });
});
