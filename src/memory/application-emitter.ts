import type { CacheStats, PhaseStats } from '../report/stats.ts';
import { Caches } from './caches.ts';
import { Observers, type Observer } from './observers.ts';
import { Phases } from './phase/phases.ts';
import type { MemoryPool } from './pool.ts';
import type { Reclaimers } from './reclaimers.ts';
import type { ObservedUsage } from './registry.ts';
import { ScopedEmitter } from './scope/scoped-emitter.ts';
import { SharedValues, type Shared, type SharedOptions } from './shared-values.ts';

/**
 * The part of a MemoryManager that knows more of the application than what it takes: its phases and caches, the pools that
 * someone else manages, the values that many hold. Only who has something to say is asked when a report is made.
 */
export abstract class ApplicationEmitter<Events extends Record<keyof Events, unknown[]>> extends ScopedEmitter<Events> {
  abstract readonly name: string;
  abstract readonly limitBytes: number;
  abstract readonly usedBytes: number;
  abstract readonly pools: readonly MemoryPool[];
  /** @internal */
  abstract readonly reclaimers: Reclaimers;
  /** @internal */
  abstract readonly isClosed: boolean;
  /** @internal */
  readonly cacheTable: Caches = new Caches(this);
  protected readonly observers: Observers = new Observers();
  protected readonly sharedValues: SharedValues = new SharedValues(this);
  private phasesSeen: Phases | undefined = undefined;

  abstract pool(name: string): MemoryPool;

  /** @internal */
  abstract assertOpen(): void;

  /** Shows a pool that someone else manages beside ours. It is asked when a report is made. @returns how to take it out again */
  observe(name: string, observer: Observer): () => void {
    const before = this.observers.size;
    const remove = this.observers.add(name, observer);
    this.ledger.countObservers(this.observers.size - before);
    return () => {
      const size = this.observers.size;
      remove();
      this.ledger.countObservers(this.observers.size - size);
    };
  }

  /** Asks what `observe` registered, each for half a second at most. */
  async observed(): Promise<ObservedUsage[]> {
    return this.observers.ask();
  }

  /**
   * Runs a function as a phase of the program, until it has returned or its promise has settled: how long it takes, the peaks
   * of the pools meanwhile and what they hold more afterwards are kept by its name. Phases may be nested and overlap; each
   * counts all that its thread does meanwhile. A manager tells 256 names apart; what comes later is `(others)`.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, and whatever the function throws
   */
  phase<Result>(name: string, fn: () => Result): Result {
    if (this.phasesSeen === undefined) {
      this.phasesSeen = new Phases(this);
      this.ledger.countObservers(1);
    }
    return this.phasesSeen.run(name, fn);
  }

  /** What was run with `phase()`, in this thread. */
  phases(): PhaseStats[] {
    return this.phasesSeen?.stats() ?? [];
  }

  /** What the caches of `memtool/structures` say of themselves, in this thread. */
  caches(): CacheStats[] {
    return this.cacheTable.stats();
  }

  /**
   * One value for all who ask for it at the same time, and what to release it by: made by the first call, disposed of with
   * the last holder. `create` runs in no scope and in no one's async context, so that what is one user's does not get in.
   * Where it returns a promise, this does too; if it fails, it has failed for all who wait, and the next call tries again.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_TOO_MANY_VALUES`, `MEMTOOL_CLOSED`; MemoryLimitError when the
   *   pool of the options refuses; and whatever `create` throws
   */
  shared<Value>(key: string, create: () => Promise<Value>, options?: SharedOptions<Value>): Promise<Shared<Value>>;
  shared<Value>(key: string, create: () => Value, options?: SharedOptions<Value>): Shared<Value>;
  shared<Value>(
    key: string,
    create: () => Value | Promise<Value>,
    options?: SharedOptions<Value>,
  ): Shared<Value> | Promise<Shared<Value>> {
    return this.sharedValues.hold(key, create, options);
  }
}
