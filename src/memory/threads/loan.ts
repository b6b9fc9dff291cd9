import type { ThreadTable } from './thread-table.ts';

/** On the way: nobody holds the bytes yet. */
const SENT = 0;
const BACK = 1;
/** Above this, who holds them: thread and epoch. */
const HELD = 2;
const EPOCH_SHIFT = 8;
const EPOCH_MASK = 0x3f_ffff;

/**
 * One thread's slot that another holds: one word that both see, since a free in one thread must reach the arena of the
 * other without a message.
 */
export class Loan {
  readonly memory: SharedArrayBuffer;
  private readonly state: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.state = new Int32Array(memory);
  }

  markSent(): void {
    Atomics.store(this.state, 0, SENT);
  }

  markHeld(threads: ThreadTable, thread: number): void {
    Atomics.store(this.state, 0, HELD + thread + ((threads.epoch(thread) & EPOCH_MASK) << EPOCH_SHIFT));
  }

  /** Nobody will look at the bytes through it any more. */
  giveBack(): void {
    Atomics.store(this.state, 0, BACK);
  }

  /** @param isOnTheWay whether what was sent may still be received */
  isBack(threads: ThreadTable, isOnTheWay: () => boolean): boolean {
    const state = Atomics.load(this.state, 0);
    if (state === BACK) return true;
    if (state === SENT) return !isOnTheWay();
    const holder = state - HELD;
    const thread = holder & ((1 << EPOCH_SHIFT) - 1);
    // A thread that died took everything with it that could look.
    return !threads.isTaken(thread) || (threads.epoch(thread) & EPOCH_MASK) !== holder >>> EPOCH_SHIFT;
  }
}
