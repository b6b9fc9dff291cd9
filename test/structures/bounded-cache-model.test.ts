/** Random use of a cache, against a plain Map that does the same by the book. */
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryReservation } from '../../src/memory/reservation.ts';
import { BoundedCache } from '../../src/structures/bounded-cache.ts';
import { RECORDS_SMALLEST } from '../memory/make-manager.ts';
import { ManualClock } from '../memory/manual-clock.ts';
import { settled } from './settled.ts';

const MAX_BYTES = 20_000;
const MAX_ENTRIES = 20;
const POOL_BYTES = 24_000;
const RANDOM = randomBytes(MAX_BYTES);

type Kind = 'random' | 'buffer' | 'text' | 'wide';
type Value = Buffer | string;

type Step =
  | { do: 'set'; key: number; kind: Kind; bytes: number }
  | { do: 'get' | 'peek' | 'delete'; key: number }
  | { do: 'others'; bytes: number }
  | { do: 'limit'; bytes: number }
  | { do: 'clear' | 'cleanup' | 'free others' | 'turn' | 'settle' };

const key = fc.nat(30);
/** Many of a size whose compression takes all that is kept for it. */
const bytes = fc.oneof(
  fc.nat(300),
  { weight: 3, arbitrary: fc.integer({ min: 700, max: 1300 }) },
  fc.nat(5000),
  fc.nat(25_000),
);
const one = <Name extends Step['do']>(name: Name): fc.Arbitrary<Name> => fc.constant(name);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      do: one('set'),
      key,
      kind: fc.constantFrom<Kind>('random', 'buffer', 'text', 'wide'),
      bytes: bytes.map((size) => size & ~1),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'peek' as const, 'delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: one('others'), bytes }) },
  { weight: 1, arbitrary: fc.record({ do: one('limit'), bytes: fc.integer({ min: 0, max: POOL_BYTES }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(...(['clear', 'cleanup', 'free others', 'turn', 'turn', 'settle', 'settle'] as const)),
    }),
  },
);

function valueOf(kind: Kind, size: number, salt: number): Value {
  switch (kind) {
    case 'random':
      return Buffer.from(RANDOM.subarray(0, size));
    case 'buffer':
      return Buffer.alloc(size, `row ${salt}`);
    case 'text':
      return `row ${salt} `.repeat(size).slice(0, size);
    case 'wide':
      return '€'.repeat(size / 2);
  }
}

class Run {
  readonly memory: MemoryManager = new MemoryManager(
    {
      name: 'model',
      agent: false,
      autoCleanup: false,
      recordsMax: RECORDS_SMALLEST,
      pools: { cache: { limit: POOL_BYTES } },
    },
    new ManualClock(),
  );
  readonly pool = this.memory.pool('cache');
  readonly cache: BoundedCache<number, Value>;
  /** What may be under each key; of what is, nothing else may come back. */
  readonly values = new Map<number, Value>();
  private readonly others: MemoryReservation[] = [];
  private sets = 0;
  private poolBytesMax = POOL_BYTES;

  constructor(compress: boolean) {
    this.cache = new BoundedCache<number, Value>({
      pool: this.pool,
      maxBytes: MAX_BYTES,
      maxEntries: MAX_ENTRIES,
      compress: compress ? { minBytes: 200, hotShare: 0.3 } : false,
    });
  }

  async take(taken: Step): Promise<void> {
    const { cache, memory, pool, values } = this;
    switch (taken.do) {
      case 'set': {
        this.sets += 1;
        const value = valueOf(taken.kind, taken.bytes, this.sets);
        const isKept = cache.set(taken.key, value);
        values.delete(taken.key);
        if (isKept) values.set(taken.key, value);
        expect(cache.has(taken.key)).toBe(isKept);
        break;
      }
      case 'get':
      case 'peek': {
        const isThere = cache.has(taken.key);
        const found = cache[taken.do](taken.key);
        expect(found).toEqual(isThere ? values.get(taken.key) : undefined);
        break;
      }
      case 'delete': {
        const wasThere = cache.has(taken.key);
        expect(cache.delete(taken.key)).toBe(wasThere);
        values.delete(taken.key);
        expect(cache.has(taken.key)).toBe(false);
        break;
      }
      case 'clear':
        cache.clear();
        expect([cache.size, cache.usedBytes]).toEqual([0, cache.workBytes]);
        break;
      case 'others': {
        const other = pool.reserve(taken.bytes, { tag: 'others' });
        if (other !== undefined) this.others.push(other);
        break;
      }
      case 'free others':
        for (const other of this.others.splice(0)) other.free();
        break;
      case 'limit':
        await memory.setLimit(pool, taken.bytes);
        this.poolBytesMax = Math.max(taken.bytes, pool.usedBytes);
        break;
      case 'cleanup': {
        const before = cache.usedBytes;
        const { reclaimed } = await memory.cleanup();
        expect(reclaimed.reduce((sum, row) => sum + row.bytes, 0)).toBeLessThanOrEqual(before);
        break;
      }
      case 'turn':
        await setImmediate();
        break;
      case 'settle':
        await settled(cache);
        expect(cache.workBytes).toBe(0);
        break;
    }
    this.check();
  }

  end(): void {
    this.cache.close();
    for (const other of this.others) other.free();
    expect(this.pool.usedBytes).toBe(0);
    this.memory.close();
  }

  private check(): void {
    const { cache, pool } = this;
    const keys = [...cache.keys()];
    const plain = keys.reduce((sum, each) => sum + sizeOf(cache.peek(each)), 0);
    const othersBytes = this.others.reduce((sum, { size }) => sum + size, 0);
    expect(cache.usedBytes).toBe(plain - cache.savedBytes + cache.workBytes);
    expect(pool.usedBytes).toBe(cache.usedBytes + othersBytes);
    expect(cache.usedBytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(pool.usedBytes).toBeLessThanOrEqual(this.poolBytesMax);
    expect([keys.length, keys.length <= MAX_ENTRIES]).toEqual([cache.size, true]);
    expect(cache.savedBytes).toBeGreaterThanOrEqual(0);
  }
}

function sizeOf(value: Value | undefined): number {
  if (value === undefined) return 0;
  return typeof value !== 'string' || !value.includes('€') ? value.length : 2 * value.length;
}

test.each([
  ['without compression', false],
  ['with compression', true],
])('used bytes are those of the live entries and of the work, never above a limit: %s', async (_, compress) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100, size: 'max' }), async (steps) => {
      const run = new Run(compress);
      for (const taken of steps) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await run.take(taken);
      }
      run.end();
    }),
    { numRuns: 150 },
  );
});

/** The same by the book: a Map in the order of use. */
class Book {
  readonly entries = new Map<number, number>();
  readonly poolBytes: number;
  othersBytes = 0;

  constructor(poolBytes: number) {
    this.poolBytes = poolBytes;
  }

  get usedBytes(): number {
    return [...this.entries.values()].reduce((sum, size) => sum + size, 0);
  }

  use(of: number): void {
    const size = this.entries.get(of);
    if (size === undefined) return;
    this.entries.delete(of);
    this.entries.set(of, size);
  }

  set(of: number, size: number): boolean {
    this.entries.delete(of);
    const room = Math.min(MAX_BYTES, this.poolBytes - this.othersBytes);
    if (size > room) return false;
    while (this.usedBytes + size > room || this.entries.size >= MAX_ENTRIES) this.evict();
    this.entries.set(of, size);
    return true;
  }

  private evict(): void {
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}

const bookStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: one('set'), key, bytes }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: one('others'), bytes }) },
);

test('it keeps and evicts what a plain Map in the order of use would', () => {
  fc.assert(
    fc.property(fc.array(bookStep, { maxLength: 80, size: 'max' }), (steps) => {
      const run = new Run(false);
      const book = new Book(POOL_BYTES);
      let others: MemoryReservation | undefined;
      for (const taken of steps) {
        switch (taken.do) {
          case 'set':
            expect(run.cache.set(taken.key, Buffer.alloc(taken.bytes))).toBe(book.set(taken.key, taken.bytes));
            break;
          case 'get':
            run.cache.get(taken.key);
            book.use(taken.key);
            break;
          case 'delete':
            expect(run.cache.delete(taken.key)).toBe(book.entries.delete(taken.key));
            break;
          case 'others':
            others?.free();
            others = run.pool.reserve(taken.bytes);
            book.othersBytes = others?.size ?? 0;
            break;
        }
        expect([...run.cache.keys()].toReversed()).toEqual([...book.entries.keys()]);
        expect(run.cache.usedBytes).toBe(book.usedBytes);
      }
      others?.free();
      run.end();
    }),
    { numRuns: 300 },
  );
});
