import { hitPercent, type CacheAccount, type CacheFigures } from '../memory/caches.ts';
import { showFacts } from '../memory/describable.ts';
import type { MemoryPool } from '../memory/pool.ts';
import { checkSize } from '../memory/size.ts';
import type { CacheStats } from '../report/stats.ts';
import { MemtoolError } from '../errors.ts';
import { Compressor } from './bounded-cache-compressor.ts';
import { Entry } from './bounded-cache-entry.ts';
import { cacheSettings, type BoundedCacheOptions, type CacheClock } from './bounded-cache-options.ts';
import { Shelves } from './bounded-cache-shelves.ts';
import type { Shelf } from './bounded-cache-shelf.ts';

/** What a cleanup waits for compression; what is still to be given back then is evicted. */
const COMPRESS_MS_MAX = 1000;

/**
 * A least-recently-used cache that is charged to a pool and bounded by bytes and by entries. When the pool is short of memory
 * it gives back: entries that were not used lately are compressed, if that is wanted, and then evicted.
 *
 * Invariants: `usedBytes` is what the pool is charged for it, to the byte, and never above `maxBytes`; it is the sum of the
 * entries and of what is being compressed.
 */
export class BoundedCache<Key extends {}, Value extends {}> {
  readonly kind = 'cache';
  readonly name: string;
  readonly pool: MemoryPool;
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Of `maxBytes`, what the entries may take: the rest is for compressing them. */
  private readonly entryBytesMax: number;
  private readonly sizeOf: (value: Value, key: Key) => number;
  private readonly account: CacheAccount;
  private readonly shelves: Shelves<Key, Value>;
  private readonly compressor: Compressor<Key, Value> | undefined;
  private isClosed = false;
  private used = 0;
  private hits = 0;
  private misses = 0;
  private refusals = 0;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_CLOSED` */
  constructor(options: BoundedCacheOptions<Key, Value>, clock?: CacheClock) {
    const { pool, name, maxBytes, maxEntries, sizeOf, ttlMs, compress } = cacheSettings(options);
    this.name = name;
    this.pool = pool;
    this.maxBytes = maxBytes;
    this.maxEntries = maxEntries;
    this.entryBytesMax = maxBytes - (compress?.workBytesMax ?? 0);
    this.sizeOf = sizeOf;
    const onExpired = ({ bytes }: Entry<Value>): void => this.giveBack(bytes);
    this.shelves = new Shelves({ maxEntries, ttlMs, clock, onExpired }, compress !== undefined);
    const { hot, cold } = this.shelves;
    if (compress !== undefined && cold !== undefined) {
      this.compressor = new Compressor<Key, Value>({
        ...compress,
        hot,
        cold,
        takeWork: (bytes) => this.takeWork(bytes),
        giveBack: (bytes) => this.giveBack(bytes),
        untracked: (fn) => this.account.untracked(fn),
      });
    }
    this.account = pool.addCache(this);
  }

  /** Charged to the pool: the entries, and what is being compressed. */
  get usedBytes(): number {
    return this.used;
  }

  /** Of `usedBytes`, what is charged for compressing: it is given back when that is done. */
  get workBytes(): number {
    return this.compressor?.workBytes ?? 0;
  }

  /** How many entries there are; those that are too old among them, until somebody looks. */
  get size(): number {
    return this.shelves.size;
  }

  /** Of the lookups by `get`, the share that found something, 0-1; `null` before the first one. */
  get hitRate(): number | null {
    const { hits, misses } = this;
    return hits + misses === 0 ? null : hits / (hits + misses);
  }

  /** What the entries would take more if none of them was compressed. */
  get savedBytes(): number {
    return this.shelves.savedBytes;
  }

  stats(): CacheStats {
    return { manager: this.account.manager, pool: this.pool.name, name: this.name, ...this.figures() };
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    return this.stats();
  }

  /**
   * The value, which is then the one used last. One that is compressed is decompressed at once and stays so if there is room:
   * it equals what was put in, but is not the same object.
   */
  get(key: Key): Value | undefined {
    const { hot, cold } = this.shelves;
    const entry = hot.get(key);
    if (entry !== undefined) {
      this.hits += 1;
      return entry.value;
    }
    const value = cold === undefined ? undefined : this.getCold(key, cold);
    if (value === undefined) this.misses += 1;
    else this.hits += 1;
    return value;
  }

  /** As `get`, but it counts as no use and no lookup, and what is compressed stays so. */
  peek(key: Key): Value | undefined {
    return this.shelves.peek(key)?.value;
  }

  /** Whether there is a value. It counts as no use. */
  has(key: Key): boolean {
    return this.shelves.has(key);
  }

  /**
   * Keeps a value, if need be in the place of those not used for longest. The cache does not copy it: do not change it later.
   *
   * @returns false when neither the cache nor the pool has room for it; nothing is under the key then
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION` and `MEMTOOL_INVALID_SIZE` where its size cannot be told, `MEMTOOL_CLOSED`
   */
  set(key: Key, value: Value): boolean {
    this.assertOpen();
    const bytes = this.sizeOf(value, key);
    checkSize(bytes, `What sizeOf of the cache ${this.name} returned`);
    const before = this.shelves.remove(key);
    if (!this.admit(bytes, before?.bytes ?? 0)) {
      this.refusals += 1;
      return false;
    }
    this.shelves.hot.put(key, new Entry(value, bytes));
    this.compressor?.schedule();
    return true;
  }

  /** @returns whether there was a value */
  delete(key: Key): boolean {
    const entry = this.shelves.remove(key);
    if (entry === undefined) return false;
    this.giveBack(entry.bytes);
    return true;
  }

  /** Gives everything back, but what is being compressed just now. */
  clear(): void {
    const { bytes } = this.shelves;
    this.shelves.clear();
    this.giveBack(bytes);
  }

  /** The most recently used first. */
  keys(): Generator<Key, void, undefined> {
    return this.shelves.keys();
  }

  /** Ends the cache: it holds nothing more and is no longer shown. Closing again does nothing. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.compressor?.close();
    this.clear();
    this.account.close();
    this.used = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  figures(): CacheFigures {
    const { size: entries, maxEntries, usedBytes, maxBytes, hits, misses, refusals, savedBytes } = this;
    return {
      entries,
      maxEntries,
      usedBytes,
      maxBytes,
      hits,
      misses,
      hitPercent: hitPercent(hits, misses),
      evictions: this.shelves.evictions,
      refusals,
      savedBytes,
    };
  }

  /** Asked when the pool is under pressure. @internal */
  reclaim(targetBytes: number): number | Promise<number> {
    const before = this.used;
    this.shelves.removeExpired();
    const expiredBytes = before - this.used;
    const { compressor } = this;
    if (compressor === undefined) return expiredBytes + this.giveWay(targetBytes - expiredBytes);
    return this.compressFirst(compressor, targetBytes - expiredBytes).then((bytes) => expiredBytes + bytes);
  }

  private async compressFirst(compressor: Compressor<Key, Value>, targetBytes: number): Promise<number> {
    const before = compressor.everSavedBytes;
    await compressor.relieve(targetBytes, performance.now() + COMPRESS_MS_MAX);
    const savedBytes = compressor.everSavedBytes - before;
    return savedBytes + this.giveWay(targetBytes - savedBytes);
  }

  private giveWay(targetBytes: number): number {
    const bytes = this.shelves.evictBytes(targetBytes);
    this.giveBack(bytes);
    return bytes;
  }

  private getCold(key: Key, cold: Shelf<Key, Value>): Value | undefined {
    const taken = cold.take(key);
    if (taken === undefined) return undefined;
    const { entry, ttlMs } = taken;
    const { bytes, plainBytes, isPacked } = entry;
    // Until one of the two is given up, both are charged.
    const isKept = !isPacked || (this.account.isOpen() && this.admit(plainBytes, 0));
    const { value } = entry;
    if (isPacked && isKept) {
      entry.unpack(value);
      this.giveBack(bytes);
    }
    (isKept ? this.shelves.hot : cold).put(key, entry, ttlMs);
    this.compressor?.schedule();
    return value;
  }

  /**
   * Charges what comes in the place of what has just gone and is charged still; of what was not used for longest goes as much
   * as is needed. Of two that are of one size the pool hears nothing.
   *
   * @returns false, and only what had gone is given back, when there is no room even so
   */
  private admit(bytes: number, goneBytes: number): boolean {
    const { account, maxEntries, shelves } = this;
    const missing = this.missingBytes(bytes, goneBytes);
    if (missing > shelves.bytes) {
      this.giveBack(goneBytes);
      return false;
    }
    let freed = goneBytes + shelves.evictBytes(missing);
    while (shelves.size >= maxEntries) freed += shelves.evict();
    // Other threads may draw on the pool meanwhile: then what is here makes way until it is enough.
    for (let more = bytes; bytes > freed && !account.charge.tryGrow(bytes - freed); more *= 2) {
      const evicted = shelves.evictBytes(more);
      freed += evicted;
      if (evicted > 0) continue;
      this.giveBack(freed);
      return false;
    }
    if (bytes > freed) this.used += bytes - freed;
    else this.giveBack(freed - bytes);
    return true;
  }

  /** How much must go before `bytes` have a place, in the cache and in the pool. */
  private missingBytes(bytes: number, goneBytes: number): number {
    const { account, entryBytesMax, used, workBytes } = this;
    if (bytes > entryBytesMax) return Infinity;
    const missing = Math.max(0, used - workBytes - goneBytes + bytes - entryBytesMax);
    const more = bytes - goneBytes;
    return more > missing ? Math.max(missing, more - account.roomBytes()) : missing;
  }

  /** Charges for the work on an entry, and lets nothing go for it. */
  private takeWork(bytes: number): boolean {
    const { account } = this;
    if (!account.isOpen() || bytes > account.roomBytes() || !account.charge.tryGrow(bytes)) return false;
    this.used += bytes;
    return true;
  }

  private giveBack(bytes: number): void {
    if (this.isClosed || bytes === 0) return;
    this.account.charge.shrink(bytes);
    this.used -= bytes;
  }

  private assertOpen(): void {
    this.account.assertOpen();
    if (!this.isClosed) return;
    throw new MemtoolError('MEMTOOL_CLOSED', `The cache ${this.name} was closed and takes nothing more.`, {
      hint: 'Close it when nothing uses it any more, or make a new BoundedCache.',
    });
  }
}

showFacts(BoundedCache.prototype);
