import { MemtoolError } from '../../errors.ts';
import { HEADER, THREAD_ROW_BYTES, THREAD_WORD, THREADS_AT, THREADS_MAX } from '../ledger/layout.ts';
import { isAlive, LEFT_TID, ownIdentity, UNKNOWN_TIDS, type ThreadIdentity } from './thread-id.ts';

/** The threads that use a ledger: who is there, who moves headroom about just now, and who has died. */
export class ThreadTable {
  private readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /**
   * Takes a row for the thread that calls.
   *
   * @returns its index
   * @throws MemtoolError `MEMTOOL_TOO_MANY_THREADS`
   */
  claim(): number {
    const identity = ownIdentity();
    for (let thread = 0; thread < THREADS_MAX; thread += 1) {
      if (this.enter(thread, identity)) return thread;
    }
    throw new MemtoolError(
      'MEMTOOL_TOO_MANY_THREADS',
      `${THREADS_MAX} threads use this manager's pools already, and one more cannot join.`,
      { hint: 'close() the manager in threads that are done, or give some threads a MemoryManager of their own.' },
    );
  }

  /** Takes this very row. @returns whether it was free */
  enter(thread: number, identity: ThreadIdentity = ownIdentity()): boolean {
    const at = rowOf(thread);
    if (Atomics.compareExchange(this.words, at + THREAD_WORD.tid, 0, identity.tid) !== 0) return false;
    this.words[at + THREAD_WORD.startTicks] = identity.startTicks;
    for (;;) {
      const count = Atomics.load(this.words, HEADER.threadCount);
      if (count > thread || Atomics.compareExchange(this.words, HEADER.threadCount, count, thread + 1) === count) break;
    }
    if (identity.tid >= UNKNOWN_TIDS) this.sayGoodbye(at);
    return true;
  }

  /** One past the highest row that was ever used. */
  get count(): number {
    return Math.min(THREADS_MAX, Atomics.load(this.words, HEADER.threadCount));
  }

  /** Whether the row is anybody's, alive or dead. */
  isTaken(thread: number): boolean {
    return Atomics.load(this.words, rowOf(thread) + THREAD_WORD.tid) !== 0;
  }

  /** How many threads have had this row and left it: tells one from the next. */
  epoch(thread: number): number {
    return Atomics.load(this.words, rowOf(thread) + THREAD_WORD.epoch);
  }

  /** Between `true` and `false` the sums of what this thread has drawn may not add up. One pair may stand within another. */
  setBusy(thread: number, isBusy: boolean): void {
    Atomics.add(this.words, rowOf(thread) + THREAD_WORD.busy, isBusy ? 1 : -1);
  }

  /** Whether any thread but this one is at it. */
  isAnyBusy(except: number): boolean {
    for (let thread = 0; thread < this.count; thread += 1)
      if (thread !== except && this.isTaken(thread) && this.isBusy(thread)) return true;
    return false;
  }

  isBusy(thread: number): boolean {
    return Atomics.load(this.words, rowOf(thread) + THREAD_WORD.busy) !== 0;
  }

  /** The rows of other threads that have died and that nobody alive is taking over. */
  dead(own: number): number[] {
    const dead: number[] = [];
    for (let thread = 0; thread < this.count; thread += 1) {
      if (thread !== own && this.isTaken(thread) && !this.isLooked(thread)) dead.push(thread);
    }
    return dead;
  }

  /** Makes the caller the one that takes a dead thread over. @returns false when another does */
  takeOver(thread: number, own: number): boolean {
    const at = rowOf(thread) + THREAD_WORD.tid;
    const tid = Atomics.load(this.words, at);
    const ownTid = Atomics.load(this.words, rowOf(own) + THREAD_WORD.tid);
    if (tid === 0 || this.isLooked(thread)) return false;
    return Atomics.compareExchange(this.words, at, tid, -ownTid) === tid;
  }

  /** Frees a row of which nothing is left. */
  vacate(thread: number): void {
    const at = rowOf(thread);
    Atomics.store(this.words, at + THREAD_WORD.busy, 0);
    Atomics.add(this.words, at + THREAD_WORD.epoch, 1);
    this.words[at + THREAD_WORD.startTicks] = 0;
    Atomics.store(this.words, at + THREAD_WORD.tid, 0);
  }

  /** Whether somebody alive answers for the row: its thread, or the one that is taking over. */
  private isLooked(thread: number): boolean {
    const at = rowOf(thread);
    const tid = Atomics.load(this.words, at + THREAD_WORD.tid);
    const startTicks = this.words[at + THREAD_WORD.startTicks] ?? 0;
    return tid < 0 ? isAlive({ tid: -tid, startTicks: 0 }) : isAlive({ tid, startTicks });
  }

  /** Where the system does not tell who died, those that end by themselves say so; one that is terminated cannot. */
  private sayGoodbye(at: number): void {
    const tid = Atomics.load(this.words, at + THREAD_WORD.tid);
    process.once('exit', () => void Atomics.compareExchange(this.words, at + THREAD_WORD.tid, tid, LEFT_TID));
  }
}

function rowOf(thread: number): number {
  return (THREADS_AT + thread * THREAD_ROW_BYTES) >> 2;
}
