import { expect } from 'vitest';
import type { MemoryAllocation } from '../../src/memory/allocation.ts';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { collectAll } from './collect.ts';
import { codeOf } from './make-manager.ts';

/** One allocation, filled with its own pattern, as far as the program still has hold of it. */
interface Held {
  id: number;
  size: number;
  handle: MemoryAllocation | undefined;
  /** Subarrays that the program kept, forgotten handle or not. */
  views: { at: number; view: Uint8Array }[];
  isRevoked: boolean;
}

/** Takes, keeps, forgets and frees allocations of one pool, and checks all bytes that can still be reached. */
export class ReachabilityRun {
  private held: Held[] = [];
  private ids = 0;
  private lost = 0;
  private readonly memory: MemoryManager;
  private readonly pool: MemoryPool;
  private readonly advance: (seconds: number) => void;

  constructor(memory: MemoryManager, pool: MemoryPool, advance: (seconds: number) => void) {
    this.memory = memory;
    this.pool = pool;
    this.advance = advance;
  }

  take(size: number): void {
    const handle = this.pool.allocate(size);
    if (handle === undefined) return;
    this.ids += 1;
    const { bytes } = handle;
    expect(bytes.length).toBe(size);
    for (let at = 0; at < size; at += 1) bytes[at] = patternAt(this.ids, at);
    this.held.push({ id: this.ids, size, handle, views: [], isRevoked: false });
  }

  keepView(nth: number, from: number): void {
    const one = this.pick(nth);
    if (one?.handle === undefined || one.isRevoked) return;
    const at = from % one.size;
    one.views.push({ at, view: one.handle.bytes.subarray(at, at + 1 + (from % 64)) });
  }

  /** The program forgets the handle, and so the bytes, unless it kept views. */
  forget(nth: number): void {
    const one = this.pick(nth);
    if (one?.handle === undefined) return;
    one.handle = undefined;
    this.settle(one);
  }

  forgetViews(nth: number): void {
    const one = this.pick(nth);
    if (one === undefined || one.views.length === 0) return;
    one.views = [];
    if (one.handle === undefined) this.settle(one);
  }

  /** What is kept after `free` is the program's own fault, so it is looked at no more. */
  free(nth: number): void {
    const one = this.pick(nth);
    if (one?.handle === undefined) return;
    one.handle.free();
    // Of a revoked handle free does nothing: kept views stay whole until they die.
    one.handle = undefined;
    if (!one.isRevoked || one.views.length === 0) this.held = this.held.filter((other) => other !== one);
  }

  async collect(): Promise<void> {
    await collectAll();
    expect(this.countLost(), 'lost').toBe(this.lost);
  }

  async cleanup(force: boolean): Promise<void> {
    if (force) this.advance(2);
    await collectAll();
    await this.memory.cleanup({ force, ageSeconds: 1 });
    this.lost = 0;
    if (!force) return;
    for (const one of this.held) one.isRevoked = true;
  }

  /** Every byte that can be reached is what its owner wrote. */
  check(): void {
    for (const { id, size, handle, views, isRevoked } of this.held) {
      if (handle !== undefined && !isRevoked) expectPattern(handle.bytes, id, 0, size);
      if (handle !== undefined && isRevoked && views.length === 0)
        expect(codeOf(() => handle.bytes)).toBe('MEMTOOL_REVOKED');
      for (const { at, view } of views) expectPattern(view, id, at, view.length);
    }
  }

  private settle(one: Held): void {
    if (one.handle !== undefined || one.views.length > 0) return;
    this.held = this.held.filter((other) => other !== one);
    if (!one.isRevoked) this.lost += 1;
  }

  private countLost(): number {
    return this.memory.leaks({ ageSeconds: 1e9 }).leaks.reduce((sum, { count }) => sum + count, 0);
  }

  private pick(nth: number): Held | undefined {
    return this.held[nth % Math.max(1, this.held.length)];
  }
}

function patternAt(id: number, at: number): number {
  return (id * 37 + at * 11 + (at >> 8)) & 0xff;
}

function expectPattern(view: Uint8Array, id: number, from: number, length: number): void {
  for (let index = 0; index < length; index += 1) {
    if (view[index] !== patternAt(id, from + index))
      expect.unreachable(`byte ${from + index} of allocation ${id} was changed`);
  }
}
