import { ResultPage } from './result-page.ts';
import type { WorkingAllocation, WorkingPool } from './working-memory.ts';

/** A page that was asked for within this time is worth more than the room it takes. */
const WARM_MS = 3000;
/** No single page may push more than this share of the others out. */
const PAGE_SHARE_MAX = 1 / 8;

interface Entry {
  page: ResultPage;
  allocation: WorkingAllocation;
  usedAtMs: number;
}

/**
 * Results by query text, the least recently used evicted first. It stays below a capacity of its own, gives cold pages back
 * when memtool asks, and takes a refusal for what it is: nobody needs a cache to answer.
 */
export class ResultCache {
  readonly #pool: WorkingPool;
  readonly #capacityBytes: number;
  readonly #nowMs: () => number;
  /** A Map keeps the order of insertion; a page that is used goes to the end. */
  readonly #entries = new Map<string, Entry>();
  #sizeBytes = 0;

  constructor(pool: WorkingPool, capacityBytes: number, nowMs: () => number = () => performance.now()) {
    this.#pool = pool;
    this.#capacityBytes = capacityBytes;
    this.#nowMs = nowMs;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The page, good until the cache is used again. */
  get(text: string): ResultPage | undefined {
    const entry = this.#entries.get(text);
    if (!entry) return undefined;
    entry.usedAtMs = this.#nowMs();
    this.#entries.delete(text);
    this.#entries.set(text, entry);
    return entry.page;
  }

  /** Keeps a copy of the page if there is room, or can be made. */
  put(text: string, page: ResultPage): void {
    // Also when the new page is not kept: the old one would be given for it.
    const replaced = this.#entries.get(text);
    if (replaced) this.#evict(text, replaced);
    const size = page.bytes.length;
    if (size === 0 || size > this.#capacityBytes * PAGE_SHARE_MAX) return;
    this.#evictUntil(() => this.#sizeBytes + size <= this.#capacityBytes);
    const allocation = this.#allocate(size);
    if (!allocation) return;
    allocation.bytes.set(page.bytes);
    const copy = new ResultPage(page.labels, page.rowCount, allocation.bytes);
    this.#entries.set(text, { page: copy, allocation, usedAtMs: this.#nowMs() });
    this.#sizeBytes += size;
  }

  /** For `memory.onReclaim`: evicts pages that have not been asked for lately, and gives the bytes freed. */
  reclaim(targetBytes: number): number {
    const before = this.#sizeBytes;
    const warmSinceMs = this.#nowMs() - WARM_MS;
    this.#evictUntil((oldest) => before - this.#sizeBytes >= targetBytes || oldest.usedAtMs > warmSinceMs);
    return before - this.#sizeBytes;
  }

  clear(): void {
    this.#evictUntil(() => false);
  }

  /** The pool may refuse below our capacity, when others use it too: our oldest pages then make room, if that is enough. */
  #allocate(size: number): WorkingAllocation | undefined {
    let allocation = this.#pool.allocate(size, { tag: 'result-page' });
    this.#evictUntil(() => {
      allocation ??= this.#pool.allocate(size, { tag: 'result-page' });
      return allocation !== undefined;
    });
    return allocation ?? this.#pool.allocate(size, { tag: 'result-page' });
  }

  #evictUntil(enough: (oldest: Entry) => boolean): void {
    for (const [text, entry] of this.#entries) {
      if (enough(entry)) return;
      this.#evict(text, entry);
    }
  }

  #evict(text: string, { allocation, page }: Entry): void {
    this.#entries.delete(text);
    this.#sizeBytes -= page.bytes.length;
    allocation.free();
  }
}
