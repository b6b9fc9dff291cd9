import { LRUCache } from 'lru-cache';
import type { Entry } from './bounded-cache-entry.ts';
import type { CacheClock } from './bounded-cache-options.ts';

export interface ShelfOptions<Value> {
  maxEntries: number;
  ttlMs: number | undefined;
  clock: CacheClock | undefined;
  /** An entry was found to be too old, and is gone. */
  onExpired: (entry: Entry<Value>) => void;
}

/** An entry that was taken from a shelf, for another. */
export interface Taken<Key, Value> {
  key: Key;
  entry: Entry<Value>;
  /** How long it may still live. */
  ttlMs: number | undefined;
}

const SWEEP_MS = 1000;
const HOWEVER_OLD = { allowStale: true };

/** Entries in the order of their use, with what they take together. It evicts nothing by itself. */
export class Shelf<Key extends {}, Value> {
  /** What the entries are charged. */
  bytes = 0;
  /** What they would take more uncompressed. */
  savedBytes = 0;
  private readonly entries: LRUCache<Key, Entry<Value>>;
  private readonly ttlMs: number | undefined;
  private lastSweepMs = 0;

  constructor({ maxEntries, ttlMs, clock, onExpired }: ShelfOptions<Value>) {
    this.ttlMs = ttlMs;
    const dispose = (entry: Entry<Value>, _: Key, reason: LRUCache.DisposeReason): void => {
      if (reason !== 'expire') return;
      this.count(entry, -1);
      onExpired(entry);
    };
    this.entries = new LRUCache<Key, Entry<Value>>({
      // Not `max`, which takes memory for all of them at once.
      maxSize: maxEntries,
      sizeCalculation: () => 1,
      ...(ttlMs === undefined ? {} : { ttl: ttlMs, dispose }),
      ...(clock === undefined ? {} : { perf: clock, ttlResolution: 0 }),
    });
  }

  /** Those that are too old among them, until somebody looks. */
  get size(): number {
    return this.entries.size;
  }

  /** The most recently used first. */
  keys(): Generator<Key, void, unknown> {
    return this.entries.keys();
  }

  has(key: Key): boolean {
    return this.entries.has(key);
  }

  get(key: Key): Entry<Value> | undefined {
    return this.entries.get(key);
  }

  peek(key: Key): Entry<Value> | undefined {
    return this.entries.peek(key);
  }

  put(key: Key, entry: Entry<Value>, ttlMs?: number): void {
    if (ttlMs === undefined) this.entries.set(key, entry);
    else this.entries.set(key, entry, { ttl: ttlMs });
    this.count(entry, 1);
  }

  /** Takes what is under a key, however old. */
  remove(key: Key): Entry<Value> | undefined {
    const entry = this.entries.peek(key, HOWEVER_OLD);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    this.count(entry, -1);
    return entry;
  }

  /** Takes what is under a key, to be put on another shelf. */
  take(key: Key): Taken<Key, Value> | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    const ttlMs = this.ttlMs === undefined ? undefined : Math.max(1, Math.ceil(this.entries.getRemainingTTL(key)));
    this.remove(key);
    return { key, entry, ttlMs };
  }

  /** The least recently used entry. */
  oldest(): { key: Key; entry: Entry<Value> } | undefined {
    // Those that are too old are skipped one by one: they must not become many.
    if (this.ttlMs !== undefined && performance.now() - this.lastSweepMs > SWEEP_MS) this.removeExpired();
    for (const key of this.entries.rkeys()) {
      const entry = this.entries.peek(key);
      if (entry !== undefined) return { key, entry };
    }
    return undefined;
  }

  /** Takes the least recently used entry. */
  pop(): Entry<Value> | undefined {
    const entry = this.entries.pop();
    if (entry !== undefined) this.count(entry, -1);
    return entry;
  }

  removeExpired(): void {
    if (this.ttlMs === undefined) return;
    this.lastSweepMs = performance.now();
    this.entries.purgeStale();
  }

  clear(): void {
    this.entries.clear();
    this.bytes = 0;
    this.savedBytes = 0;
  }

  /** Changes an entry that is on the shelf. */
  change(entry: Entry<Value>, change: () => void): void {
    this.count(entry, -1);
    change();
    this.count(entry, 1);
  }

  private count(entry: Entry<Value>, times: 1 | -1): void {
    this.bytes += times * entry.bytes;
    this.savedBytes += times * (entry.plainBytes - entry.bytes);
  }
}
