import { deflated, packable, type Packable } from './bounded-cache-deflate.ts';
import type { Entry } from './bounded-cache-entry.ts';
import type { Shelf } from './bounded-cache-shelf.ts';

/** At a time. libuv has four threads, which the file system and DNS want too. */
const CONCURRENCY = 2;
/** So many entries are moved before others get their turn. */
const STEPS_MAX = 256;
/** Keys of cold entries that wait to be compressed; of more, those that would be evicted first are left as they are. */
const PENDING_MAX = 4096;

export interface CompressorOptions<Key extends {}, Value> {
  minBytes: number;
  hotBytes: number;
  /** What may be charged for work at a time. */
  workBytesMax: number;
  /** The entries that were used last, uncompressed. */
  hot: Shelf<Key, Value>;
  /** All that were used before those. */
  cold: Shelf<Key, Value>;
  /** Charges for work, if there is room for it. */
  takeWork: (bytes: number) => boolean;
  giveBack: (bytes: number) => void;
  /** Runs a function in no scope: what it starts goes on after the query that happened to run. */
  untracked: <Result>(fn: () => Result) => Result;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Moves what has not been used lately from the hot to the cold entries, and compresses it there, on other threads. Input and
 * output are charged beside the entry from before it begins until it has ended; so no copy is ever there for nothing.
 *
 * What has become cold last is compressed first: where more comes in than can be compressed, it is what stays for longest.
 */
export class Compressor<Key extends {}, Value> {
  /** Charged for what is being compressed. */
  workBytes = 0;
  /** All that was ever saved. */
  everSavedBytes = 0;
  private readonly options: CompressorOptions<Key, Value>;
  private readonly running = new Set<Promise<void>>();
  private readonly pending: Key[] = [];
  private isRelieving = false;
  private hotBytes: number;
  private isDue = false;
  private isClosed = false;

  constructor(options: CompressorOptions<Key, Value>) {
    this.options = options;
    this.hotBytes = options.hotBytes;
  }

  /** Called whenever the hot entries may have become too many; the work begins after the code that runs now. */
  schedule(): void {
    if (this.isDue || this.isClosed || !this.hasTooManyHot) return;
    this.isDue = true;
    this.options.untracked(() => setImmediate(() => this.work()).unref());
  }

  /** Compresses from the least recently used on, until so much is saved, nothing is left or the time is over. */
  async relieve(targetBytes: number, deadlineMs: number): Promise<void> {
    const before = this.everSavedBytes;
    this.hotBytes = 0;
    this.isRelieving = true;
    try {
      while (this.everSavedBytes - before < targetBytes && performance.now() < deadlineMs && !this.isClosed) {
        if (!this.work() && this.running.size === 0) break;
        // In turn: how much is still to be saved is known after each.
        // oxlint-disable-next-line no-await-in-loop
        await (this.running.size > 0 ? Promise.race(this.running) : nextTurn());
      }
    } finally {
      this.hotBytes = this.options.hotBytes;
      this.isRelieving = false;
      // What is still going on is charged until it has ended.
      await Promise.all(this.running);
    }
  }

  close(): void {
    this.isClosed = true;
    this.pending.length = 0;
  }

  private get hasTooManyHot(): boolean {
    const { hot } = this.options;
    return hot.size > 0 && hot.bytes > this.hotBytes;
  }

  /** @returns whether it got anywhere */
  private work(): boolean {
    this.isDue = false;
    if (this.isClosed) return false;
    const moved = this.moveToCold();
    const started = this.startPending();
    if (!this.isRelieving) this.schedule();
    return moved || started;
  }

  /** Under pressure one after the other, as they are compressed: what was used last is to stay as it is if it can. */
  private moveToCold(): boolean {
    const { hot, cold } = this.options;
    let step = 0;
    for (; step < STEPS_MAX && this.hasTooManyHot; step += 1) {
      if (this.isRelieving && this.pending.length > 0) break;
      const oldest = hot.oldest();
      if (oldest === undefined) {
        hot.removeExpired();
        break;
      }
      const { key, entry } = oldest;
      const taken = hot.take(key);
      if (taken !== undefined) cold.put(key, entry, taken.ttlMs);
      if (this.workOn(entry) !== undefined) this.pending.push(key);
    }
    if (this.pending.length > PENDING_MAX) this.pending.splice(0, this.pending.length - PENDING_MAX / 2);
    return step > 0;
  }

  private startPending(): boolean {
    const { cold } = this.options;
    let hasStarted = false;
    while (this.pending.length > 0 && this.running.size < CONCURRENCY) {
      const key = this.isRelieving ? this.pending.shift() : this.pending.pop();
      const entry = key === undefined ? undefined : cold.peek(key);
      // It was used, replaced or evicted meanwhile.
      if (key === undefined || entry === undefined) continue;
      const work = this.workOn(entry);
      if (work === undefined) continue;
      if (!this.hasRoom(work)) {
        // It waits for more room.
        if (this.isRelieving) this.pending.unshift(key);
        else this.pending.push(key);
        break;
      }
      this.start(key, entry, work);
      hasStarted = true;
    }
    return hasStarted;
  }

  /** What is to be done on an entry, if it is worth it. */
  private workOn(entry: Entry<Value>): Packable | undefined {
    if (!entry.mayShrink || entry.isPacked) return undefined;
    const { minBytes, workBytesMax } = this.options;
    const work = packable(entry.value);
    const isWorth = work !== undefined && work.payloadBytes >= minBytes && work.workBytes <= workBytesMax;
    return isWorth ? work : undefined;
  }

  private hasRoom({ workBytes }: Packable): boolean {
    const { workBytesMax, takeWork } = this.options;
    return this.workBytes + workBytes <= workBytesMax && takeWork(workBytes);
  }

  private start(key: Key, entry: Entry<Value>, work: Packable): void {
    this.workBytes += work.workBytes;
    const running = this.options
      .untracked(() => deflated(work))
      .then((packed) => {
        this.running.delete(running);
        this.workBytes -= work.workBytes;
        this.options.giveBack(work.workBytes);
        entry.mayShrink = packed !== undefined;
        if (packed !== undefined) this.replace(key, entry, work, packed);
        this.work();
      });
    this.running.add(running);
  }

  /** Unless the entry was used, replaced or evicted meanwhile. */
  private replace(key: Key, entry: Entry<Value>, { packing, payloadBytes }: Packable, packed: Buffer): void {
    const { cold, giveBack } = this.options;
    // What `sizeOf` counts beside the value stays, such as the key.
    const bytes = Math.max(packed.length, entry.plainBytes - payloadBytes + packed.length);
    const savedBytes = entry.bytes - bytes;
    if (savedBytes <= 0 || cold.peek(key) !== entry) return;
    cold.change(entry, () => entry.pack(packed, packing, bytes));
    this.everSavedBytes += savedBytes;
    giveBack(savedBytes);
  }
}
