/**
 * Bytes in use by each thread of the process, in memory that all of them share.
 *
 *     slot 0                       slot 1                              slot 2 ...
 *     | bytes (i64) | -    | -   | | bytes (i64) | owner   | starter | |
 *       0             8      12      16            24        28          32
 *
 * - Owner is the thread whose bytes the slot counts, plus 1; 0: the slot is free and its bytes are 0.
 * - Starter is the thread that started the owner, plus 1; 0: unknown.
 * - Only the owner changes the bytes of its slot, but from several copies of this module: hence atomically. In 64-bit
 *   integers: 32 bits end at 4 GiB, and two words of them cost more (a pair 32 ns against 22 on Node 20, 19 on 24).
 * - Slot 0 belongs to nobody: threads that find no other one free share it. What they leave there when they end stays.
 */
const SLOT_BYTES = 16;
const OWNER = 2;
const STARTER = 3;

/** Live workers that can be told apart. */
const SLOTS = 512;

export const THREAD_COUNTS_BYTES: number = SLOTS * SLOT_BYTES;

/** The slot of all threads without one. */
const NOBODYS_SLOT = 0;

/** One copy for each thread, over the same memory. */
export class ThreadCounts {
  readonly memory: SharedArrayBuffer;
  private readonly counts: BigInt64Array;
  private readonly words: Int32Array;

  /** @param memory `THREAD_COUNTS_BYTES` long, zeroed at first */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.counts = new BigInt64Array(memory);
    this.words = new Int32Array(memory);
  }

  /** Bytes of all threads. Each is read once, one after the other: what happens meanwhile may be in it or not. */
  get totalBytes(): number {
    let total = this.slotBytes(NOBODYS_SLOT);
    for (let slot = 1; slot < SLOTS; slot += 1) if (this.words[slot * 4 + OWNER] !== 0) total += this.slotBytes(slot);
    return total;
  }

  slotBytes(slot: number): number {
    return Number(Atomics.load(this.counts, slot * 2));
  }

  /** Finds the slot of a thread, or takes one for it. @returns its index; 0 when there is none left */
  claim(thread: number, starter: number | undefined): number {
    const owner = thread + 1;
    const held = this.find(OWNER, owner);
    if (held !== undefined) return held;
    for (let slot = 1; slot < SLOTS; slot += 1) {
      if (Atomics.compareExchange(this.words, slot * 4 + OWNER, 0, owner) !== 0) continue;
      Atomics.store(this.words, slot * 4 + STARTER, starter === undefined ? 0 : starter + 1);
      return slot;
    }
    return NOBODYS_SLOT;
  }

  add(slot: number, changeBytes: number): void {
    Atomics.add(this.counts, slot * 2, BigInt(changeBytes));
  }

  /** Forgets a thread that has ended, and the threads that it had started: they ended with it, and it cannot say so any more. */
  release(thread: number): void {
    for (let slot = this.find(OWNER, thread + 1); slot !== undefined; slot = this.find(OWNER, thread + 1)) {
      Atomics.store(this.counts, slot * 2, 0n);
      Atomics.store(this.words, slot * 4 + STARTER, 0);
      // The owner last: the slot may be taken from here on.
      Atomics.store(this.words, slot * 4 + OWNER, 0);
    }
    for (let slot = this.find(STARTER, thread + 1); slot !== undefined; slot = this.find(STARTER, thread + 1)) {
      this.release(Atomics.load(this.words, slot * 4 + OWNER) - 1);
    }
  }

  private find(field: number, value: number): number | undefined {
    for (let slot = 1; slot < SLOTS; slot += 1) if (Atomics.load(this.words, slot * 4 + field) === value) return slot;
    return undefined;
  }
}
