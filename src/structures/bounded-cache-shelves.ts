import type { Entry } from './bounded-cache-entry.ts';
import { Shelf, type ShelfOptions } from './bounded-cache-shelf.ts';

/** All entries of a cache in the order of their use, on two shelves if they are to be compressed once they are cold. */
export class Shelves<Key extends {}, Value> {
  /** The entries used last. */
  readonly hot: Shelf<Key, Value>;
  /** Those used before all of `hot`, once they may be compressed. */
  readonly cold: Shelf<Key, Value> | undefined;
  /** All that ever had to go. */
  evictions = 0;

  constructor(options: ShelfOptions<Value>, hasCold: boolean) {
    this.hot = new Shelf<Key, Value>(options);
    this.cold = hasCold ? new Shelf<Key, Value>(options) : undefined;
  }

  get size(): number {
    return this.hot.size + (this.cold?.size ?? 0);
  }

  /** What the entries are charged. */
  get bytes(): number {
    return this.hot.bytes + (this.cold?.bytes ?? 0);
  }

  get savedBytes(): number {
    return this.cold?.savedBytes ?? 0;
  }

  peek(key: Key): Entry<Value> | undefined {
    return this.hot.peek(key) ?? this.cold?.peek(key);
  }

  has(key: Key): boolean {
    return this.hot.has(key) || (this.cold?.has(key) ?? false);
  }

  /** The most recently used first. */
  *keys(): Generator<Key, void, undefined> {
    yield* this.hot.keys();
    if (this.cold !== undefined) yield* this.cold.keys();
  }

  remove(key: Key): Entry<Value> | undefined {
    return this.hot.remove(key) ?? this.cold?.remove(key);
  }

  removeExpired(): void {
    this.hot.removeExpired();
    this.cold?.removeExpired();
  }

  clear(): void {
    this.hot.clear();
    this.cold?.clear();
  }

  /** Lets go what was not used for longest, until it is enough. @returns the bytes */
  evictBytes(targetBytes: number): number {
    let bytes = 0;
    while (bytes < targetBytes && this.size > 0) bytes += this.evict();
    return bytes;
  }

  /** Lets go what was not used for longest. @returns its bytes */
  evict(): number {
    const entry = this.cold?.pop() ?? this.hot.pop();
    if (entry === undefined) return 0;
    this.evictions += 1;
    return entry.bytes;
  }
}
