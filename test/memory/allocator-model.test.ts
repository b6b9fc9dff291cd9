import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Allocator } from '../../src/memory/allocator.ts';
import { PoolAllocator } from '../../src/memory/pool-allocator.ts';
import { SharedAllocator, SystemAllocator } from '../../src/memory/system-allocator.ts';
import { TrackedAllocator } from '../../src/memory/tracked-allocator.ts';
import { codeOf, makeManager } from './make-manager.ts';

/** What the pool of a stack of allocators allows: small, so that many requests are refused. */
const LIMIT = 20_000;

interface Entry {
  bytes: Uint8Array;
  size: number;
  /** Every byte of it has this value. */
  fill: number;
  /** Through which of the stack it was allocated. */
  level: number;
}

/** A stack of allocators, each over the one before it, and beside it a list of what must be live. */
class AllocatorRun {
  readonly stack: Allocator[];
  private readonly live: Entry[] = [];
  private readonly gone: Entry[] = [];
  private fill = 0;

  constructor(underlying: Allocator) {
    const middle = new TrackedAllocator(underlying);
    this.stack = [underlying, middle, new TrackedAllocator(middle)];
  }

  allocate(level: number, size: number): void {
    this.attempt(() => this.enter(this.at(level).allocate(size), size, level));
  }

  reallocate(nth: number, size: number): void {
    const entry = this.pick(this.live, nth);
    if (entry === undefined) return;
    this.attempt(() => {
      const bytes = this.at(entry.level).reallocate(size, entry.bytes);
      const kept = Math.min(size, entry.size);
      expect(isFilled(bytes.subarray(0, kept), entry.fill)).toBe(true);
      if (bytes === entry.bytes) return;
      this.leave(entry);
      this.enter(bytes, size, entry.level);
    });
  }

  free(nth: number): void {
    const entry = this.pick(this.live, nth);
    if (entry === undefined) return;
    this.at(entry.level).free(entry.bytes);
    this.leave(entry);
  }

  /** Everything that must be refused: what is gone, what belongs to a higher level, parts, and sizes that are none. */
  misuse(nth: number, size: number): void {
    const gone = this.pick(this.gone, nth);
    if (gone !== undefined) {
      expect(codeOf(() => this.at(gone.level).free(gone.bytes))).toBe('MEMTOOL_DOUBLE_FREE');
      expect(codeOf(() => this.at(gone.level).reallocate(size, gone.bytes))).toBe('MEMTOOL_USE_AFTER_FREE');
    }
    const entry = this.pick(this.live, nth);
    if (entry === undefined) return;
    expect(codeOf(() => this.at(entry.level).free(entry.bytes.subarray()))).toBe('MEMTOOL_FOREIGN_BUFFER');
    expect(codeOf(() => this.at(entry.level).reallocate(-1, entry.bytes))).toBe('MEMTOOL_INVALID_SIZE');
    for (let above = entry.level + 1; above < this.stack.length; above += 1)
      expect(codeOf(() => this.at(above).free(entry.bytes))).toBe('MEMTOOL_FOREIGN_BUFFER');
  }

  check(): void {
    for (const [level, allocator] of this.stack.entries()) {
      const through = this.live.filter((entry) => entry.level >= level);
      expect(allocator.bytesUsed).toBe(through.reduce((sum, { size }) => sum + size, 0));
    }
    for (const { bytes, size, fill } of this.live) {
      expect(bytes.byteLength).toBe(size);
      expect(isFilled(bytes, fill)).toBe(true);
    }
  }

  /** A refusal by the pool is part of every script: nothing may have changed, which `check` sees. */
  private attempt(action: () => void): void {
    const outcome = codeOf(action);
    if (outcome !== undefined) expect(outcome).toBe('MEMTOOL_LIMIT');
  }

  private enter(bytes: Uint8Array, size: number, level: number): void {
    this.fill = (this.fill + 1) & 255;
    this.live.push({ bytes: bytes.fill(this.fill), size, fill: this.fill, level });
  }

  private leave(entry: Entry): void {
    this.live.splice(this.live.indexOf(entry), 1);
    this.gone.push(entry);
  }

  private at(level: number): Allocator {
    const allocator = this.stack[level];
    if (allocator === undefined) throw new Error(`no allocator ${level}`);
    return allocator;
  }

  private pick(entries: Entry[], nth: number): Entry | undefined {
    return entries[nth % entries.length];
  }
}

function isFilled(bytes: Uint8Array, fill: number): boolean {
  return Buffer.alloc(bytes.byteLength, fill).equals(bytes);
}

type Step = (run: AllocatorRun) => void;

/** A step that prints as what it does, so that a shrunk counterexample can be read. */
function step(name: 'allocate' | 'reallocate' | 'misuse' | 'free', first: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.tuple(first, size).map(([value, bytes]) => {
    const named: Step = (run) => run[name](value, bytes);
    return Object.assign(named, { [fc.toStringMethod]: () => `${name}(${value}, ${bytes})` });
  });
}

const size = fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(LIMIT + 1), fc.constantFrom(0, 1, 4096, LIMIT));
const nth = fc.nat(100);
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: step('allocate', fc.nat(2)) },
    { weight: 4, arbitrary: step('reallocate', nth) },
    { weight: 3, arbitrary: step('free', nth) },
    { weight: 1, arbitrary: step('misuse', nth) },
  ),
  { maxLength: 60, size: 'max' },
);

function makePoolAllocator(): Allocator {
  return new PoolAllocator(makeManager({ pools: { vectors: { limit: LIMIT } } }).memory.pool('vectors'));
}

test.each<[string, () => Allocator, number]>([
  ['the system', () => new SystemAllocator(), 300],
  ['shared memory', () => new SharedAllocator(), 100],
  ['a pool', makePoolAllocator, 300],
])(
  'over %s, after each step of any sequence, bytesUsed of each nested allocator is the sum of the live sizes that went through it, and every live byte is whole',
  (_, make, numRuns) => {
    fc.assert(
      fc.property(steps, (script) => {
        const run = new AllocatorRun(make());
        for (const each of script) {
          each(run);
          run.check();
        }
      }),
      { numRuns },
    );
  },
);
