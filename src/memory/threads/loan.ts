import type { ThreadTable } from './thread-table.ts';

/** On the way: nobody holds the bytes yet. */
const SENT = 0;
const BACK = 1;
/** Above this, who holds them: thread and epoch. */
const HELD = 2;
const EPOCH_SHIFT = 8;
const EPOCH_MASK = 0x3f_ffff;

const STATE = 0;
/** Of the record, while it is on the way. */
const GENERATION = 1;
const LOAN_BYTES = 8;

/**
 * One thread's slot that another holds: two words that both see, since a free in one thread must reach the arena of the
 * other without a message.
 */
export class Loan {
  readonly memory: SharedArrayBuffer;
  private readonly state: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(LOAN_BYTES)) {
    this.memory = memory;
    this.state = new Int32Array(memory);
  }

  /** @param generation of the record that is sent, which a receiver moves on */
  markSent(generation: number): void {
    Atomics.store(this.state, GENERATION, generation);
    Atomics.store(this.state, STATE, SENT);
  }

  markHeld(threads: ThreadTable, thread: number): void {
    Atomics.store(this.state, STATE, HELD + thread + ((threads.epoch(thread) & EPOCH_MASK) << EPOCH_SHIFT));
  }

  /** Nobody will look at the bytes through it any more. */
  giveBack(): void {
    Atomics.store(this.state, STATE, BACK);
  }

  /** @param isOnTheWay whether what was sent with this generation may still be received */
  isBack(threads: ThreadTable, isOnTheWay: (generation: number) => boolean): boolean {
    const state = Atomics.load(this.state, STATE);
    if (state === BACK) return true;
    if (state === SENT) {
      const generation = Atomics.load(this.state, GENERATION);
      if (isOnTheWay(generation)) return false;
      // It may have been received, and sent on, between the two looks. Given up it is only when it stays as it was.
      return Atomics.load(this.state, STATE) === SENT && Atomics.load(this.state, GENERATION) === generation;
    }
    const holder = state - HELD;
    const thread = holder & ((1 << EPOCH_SHIFT) - 1);
    // A thread that died took everything with it that could look.
    return !threads.isTaken(thread) || (threads.epoch(thread) & EPOCH_MASK) !== holder >>> EPOCH_SHIFT;
  }
}
