import { MemoryManager } from '../../../src/memory/manager.ts';
import type { Clock } from '../../../src/memory/clock.ts';
import { THREAD_ROW_BYTES, THREAD_WORD, THREADS_AT, THREADS_MAX } from '../../../src/memory/ledger/layout.ts';
import { joinLedger, type SharedMemory } from '../../../src/memory/threads/shared-memory.ts';
import type { Drawing } from '../../../src/memory/threads/sharing.ts';

/** No thread of any system has this number. */
const NO_TID = 0x3fff_fff0;

type View = Int32Array | Float64Array | BigUint64Array;

class Death extends Error {}

/** Views of the ledger that are watched, and what they stand for. */
const watched = new WeakMap<object, { view: View; owner: Mortal }>();

/**
 * A second thread of a manager, as far as the ledger can tell. It runs in this one, and dies where it is told to, between two
 * writes to what threads share; one that is terminated may die between any two.
 */
export class Mortal {
  readonly memory: MemoryManager;
  private readonly due = new Set<Drawing>();
  /** Writes until something happens to it. */
  private left = Infinity;
  private happen: () => void = () => {};
  private isWorking = false;
  private isDead = false;
  private isBuried = false;
  private readonly threads: Int32Array;

  constructor(shared: SharedMemory, clock: Clock) {
    const joined = joinLedger(shared, clock);
    const { ledger } = joined;
    this.threads = new Int32Array(shared.ledger, THREADS_AT, (THREAD_ROW_BYTES >> 2) * THREADS_MAX);
    Object.defineProperty(ledger, 'words', { value: this.watch(ledger.words) });
    Object.defineProperty(ledger, 'doubles', { value: this.watch(ledger.doubles) });
    this.memory = new MemoryManager({}, clock, joined);
    const { sharing } = this.memory;
    if (sharing === undefined) throw new Error('it has joined, and shares nothing');
    Object.defineProperty(sharing.views, 'bigints', { value: this.watch(sharing.views.bigints) });
    // A turn ends when the test says so.
    sharing.untilEndOfTurn = (drawing): void => void this.due.add(drawing);
    sharing.forget = (drawing): void => void this.due.delete(drawing);
  }

  endTurn(): void {
    if (this.isDead) return;
    const due = [...this.due];
    this.due.clear();
    for (const drawing of due) drawing.endTurn();
  }

  /**
   * Does the work and dies before write number `step`.
   *
   * @returns false when the work was done before; it lives then
   */
  dieAt(step: number, work: () => void): boolean {
    this.left = step;
    this.happen = () => (this.isDead = true);
    this.isWorking = true;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
    }
    this.isWorking = false;
    this.left = Infinity;
    return this.isDead;
  }

  /**
   * Does the work; right before write number `step` another thread does something.
   *
   * @returns false when the work was done before
   */
  interruptAt(step: number, work: () => void, interruption: () => void): boolean {
    let isInterrupted = false;
    this.left = step;
    this.happen = () => {
      isInterrupted = true;
      interruption();
    };
    work();
    this.left = Infinity;
    return isInterrupted;
  }

  /** The system knows its thread no more. */
  bury(): void {
    this.isDead = true;
    if (this.isBuried) return;
    this.isBuried = true;
    for (let thread = 0; thread < THREADS_MAX; thread += 1) {
      const at = thread * (THREAD_ROW_BYTES >> 2) + THREAD_WORD.tid;
      const tid = this.threads[at] ?? 0;
      // Its own, unless it has left.
      if (thread === this.memory.ledger.thread && tid > 0) this.threads[at] = NO_TID;
      // Of whom it was taking over: all threads of a test have one number, and no other is at that.
      if (tid < 0) this.threads[at] = -NO_TID;
    }
  }

  /** @returns whether it may write */
  step(): boolean {
    this.left -= 1;
    if (this.left === 0) this.happen();
    // Not what would still run on the way out, either.
    if (this.isDead && this.isWorking) throw new Death();
    return !this.isDead;
  }

  private watch<Watched extends View>(view: Watched): Watched {
    const proxy = new Proxy(view, {
      get: (_, key) => {
        const found: unknown = Reflect.get(view, key, view);
        // `fill`, of which it dies before or after.
        if (typeof found !== 'function') return found;
        return (...given: unknown[]) => (this.step() ? Reflect.apply(found, view, given) : undefined);
      },
      set: (_, key, value) => {
        if (this.step()) Reflect.set(view, key, value, view);
        return true;
      },
    });
    watched.set(proxy, { view, owner: this });
    return proxy;
  }
}

/** Has `Atomics` take the views that are watched. */
function watchAtomics(): void {
  for (const name of ['load', 'store', 'add', 'sub', 'compareExchange'] as const) {
    const access: (...given: never[]) => unknown = Atomics[name];
    const watching = (view: object, ...rest: unknown[]): unknown => {
      const known = watched.get(view);
      if (known === undefined) return Reflect.apply(access, Atomics, [view, ...rest]);
      return name === 'load' || known.owner.step() ? Reflect.apply(access, Atomics, [known.view, ...rest]) : 0;
    };
    Object.defineProperty(Atomics, name, { value: watching });
  }
}

watchAtomics();
