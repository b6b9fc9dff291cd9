import { AsyncResource } from 'node:async_hooks';
import { MemtoolError } from '../errors.ts';
import { showFacts } from './describable.ts';
import { checkName } from './name.ts';
import type { MemoryPool } from './pool.ts';
import type { MemoryReservation } from './reservation.ts';
import { checkSize } from './size.ts';
import { isThenable } from './thenable.ts';

export interface SharedOptions<Value> {
  /** Ends the value once nobody holds it; the promise that it may return is waited for by `await using`. */
  dispose?: (value: Value) => void | PromiseLike<void>;
  /** Keeps the value so long after the last release, for whoever asks next. Default 0. Does not keep the process alive. */
  idleMs?: number;
  /** What it takes, where that is to be charged: a number, which is asked for before it is made, or a function of the value. */
  bytes?: number | ((value: Value) => number);
  /** Where `bytes` are charged, or its name. Default `cache`. */
  pool?: MemoryPool | string;
}

/** What shared values need of their manager. */
export interface SharedValuesOwner {
  readonly name: string;
  pool(name: string): MemoryPool;
  assertOpen(): void;
  untracked<Result>(fn: () => Result): Result;
}

/** At a time. A key for each user is fine, one for each request is a mistake that should be noticed. */
const VALUES_MAX = 65_536;
/** Tags are never forgotten, so that not every key may become one. */
const TAGS_MAX = 64;
/** What a timer can wait for. */
const IDLE_MS_MAX = 2 ** 31 - 1;

/** The values of one manager that many hold, by key. */
export class SharedValues {
  private readonly owner: SharedValuesOwner;
  private readonly entries = new Map<string, { endIfIdle(): void }>();
  private readonly tagged = new Set<string>();
  /** The async context in which the manager was made: that of nobody's request, as a rule. */
  private readonly outside = new AsyncResource('memtool.shared');

  constructor(owner: SharedValuesOwner) {
    this.owner = owner;
  }

  hold<Value>(
    key: string,
    create: () => Value | Promise<Value>,
    options: SharedOptions<Value> = {},
  ): Shared<Value> | Promise<Shared<Value>> {
    this.owner.assertOpen();
    // Whoever uses the same key speaks of the same kind of value: nothing else could be checked at run time.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const found = this.entries.get(key) as SharedValue<Value> | undefined;
    return (found ?? this.make(key, create, options)).hold();
  }

  /** What nobody holds any more is not kept for anybody. */
  close(): void {
    for (const value of this.entries.values()) value.endIfIdle();
  }

  private make<Value>(
    key: string,
    create: () => Value | Promise<Value>,
    options: SharedOptions<Value>,
  ): SharedValue<Value> {
    checkName(key, 'A shared value');
    checkIdle(options.idleMs);
    if (this.entries.size >= VALUES_MAX) {
      throw new MemtoolError('MEMTOOL_TOO_MANY_VALUES', `${this.owner.name} shares ${VALUES_MAX} values already.`, {
        hint: 'Release what is no longer used; what only one holds need not be shared.',
      });
    }
    const value = new SharedValue<Value>(key, options, {
      run: (fn) => this.outside.runInAsyncScope(() => this.owner.untracked(fn)),
      reserve: (bytes) => this.reserve(key, bytes, options.pool),
      onEnd: () => {
        if (this.entries.get(key) === value) this.entries.delete(key);
      },
    });
    // Before it is made: `create` may itself ask for the key.
    this.entries.set(key, value);
    value.start(create);
    return value;
  }

  private reserve(key: string, bytes: number, pool: MemoryPool | string = 'cache'): MemoryReservation {
    checkSize(bytes, `The size of the shared value ${key}`);
    const isTagged = this.tagged.has(key) || this.tagged.size < TAGS_MAX;
    if (isTagged) this.tagged.add(key);
    const from = this.owner.pool(typeof pool === 'string' ? pool : pool.name);
    if (typeof pool !== 'string' && pool !== from) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The pool ${pool.name} belongs to another manager.`, {
        hint: 'Call shared() of the manager whose pool it is.',
      });
    }
    return this.owner.untracked(() => from.reserveOrThrow(bytes, { tag: `shared:${isTagged ? key : '(others)'}` }));
  }
}

interface SharedContext {
  /** Runs a function in nobody's context and no scope. */
  run<Result>(fn: () => Result): Result;
  reserve(bytes: number): MemoryReservation;
  onEnd(): void;
}

type SharedState<Value> =
  | { kind: 'making' }
  | { kind: 'pending'; made: Promise<Value> }
  | { kind: 'ready'; value: Value; made: Promise<Value> | undefined };

/** One value, and how many hold it. */
class SharedValue<Value> {
  readonly key: string;
  /** Those that wait for the value are among them. */
  holders = 0;
  private state: SharedState<Value> = { kind: 'making' };
  private readonly options: SharedOptions<Value>;
  private readonly context: SharedContext;
  private charge: MemoryReservation | undefined = undefined;
  private idle: NodeJS.Timeout | undefined = undefined;

  constructor(key: string, options: SharedOptions<Value>, context: SharedContext) {
    this.key = key;
    this.options = options;
    this.context = context;
  }

  start(create: () => Value | Promise<Value>): void {
    try {
      const { bytes } = this.options;
      if (typeof bytes === 'number') this.charge = this.context.reserve(bytes);
      const made = this.context.run(create);
      if (isThenable(made)) {
        // In the outer context too: what waits for it must not keep a request's context alive.
        const pending = this.context.run(() => this.finish(made));
        this.state = { kind: 'pending', made: pending };
      } else this.state = { kind: 'ready', value: this.accept(made), made: undefined };
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  hold(): Shared<Value> | Promise<Shared<Value>> {
    const { state } = this;
    if (state.kind === 'making') {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The shared value ${this.key} is asked for by what makes it.`, {
        hint: 'Let `create` make it without asking for the same key.',
      });
    }
    clearTimeout(this.idle);
    this.idle = undefined;
    this.holders += 1;
    // What is asked for again and again is old and no leak; what nobody asks for any more, and yet is held, may be one.
    this.charge?.renew();
    if (state.kind === 'pending') return this.waitFor(state.made);
    if (state.made !== undefined) return this.waitFor(state.made);
    return new Shared<Value>(this, state.value);
  }

  /** @returns what its disposal gives, if this was the last */
  release(): void | PromiseLike<void> {
    this.holders -= 1;
    if (this.holders > 0 || this.state.kind !== 'ready') return;
    const { idleMs = 0 } = this.options;
    if (idleMs === 0) return this.end(this.state.value);
    this.idle = this.context.run(() => setTimeout(() => this.endIfIdle(), idleMs).unref());
  }

  endIfIdle(): void {
    // A rejection of what nobody waits for is the process' to hear of.
    if (this.holders === 0 && this.state.kind === 'ready') void this.end(this.state.value);
  }

  private async waitFor(made: Promise<Value>): Promise<Shared<Value>> {
    return new Shared<Value>(this, await made);
  }

  private async finish(made: PromiseLike<Value>): Promise<Value> {
    try {
      const value = this.accept(await made);
      this.state = { kind: 'ready', value, made: Promise.resolve(value) };
      return value;
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** Charges for a value that is made. */
  private accept(value: Value): Value {
    const { bytes, dispose } = this.options;
    if (typeof bytes !== 'function') return value;
    try {
      this.charge = this.context.reserve(bytes(value));
    } catch (error) {
      void dispose?.(value);
      throw error;
    }
    return value;
  }

  private abandon(): void {
    this.context.onEnd();
    this.charge?.free();
    this.charge = undefined;
  }

  private end(value: Value): void | PromiseLike<void> {
    clearTimeout(this.idle);
    this.abandon();
    return this.context.run(() => this.options.dispose?.(value));
  }
}

/** One holder's share of a value: made by `memory.shared`. */
export class Shared<Value> {
  private readonly entry: SharedValue<Value>;
  private readonly held: Value;
  private isReleased = false;

  /** @internal */
  constructor(entry: SharedValue<Value>, value: Value) {
    this.entry = entry;
    this.held = value;
  }

  get key(): string {
    return this.entry.key;
  }

  /** How many hold the value now, this one among them. */
  get holders(): number {
    return this.entry.holders;
  }

  /** @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` once it is released: the value may be gone */
  get value(): Value {
    if (!this.isReleased) return this.held;
    throw new MemtoolError('MEMTOOL_USE_AFTER_FREE', `The shared value ${this.key} is used by one who released it.`, {
      hint: 'Release it when it is no longer used, or ask for it again with memory.shared().',
    });
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    const { key, holders, isReleased } = this;
    return { key, holders, isReleased };
  }

  /**
   * The last one to do so has the value disposed of, now or when it has been idle for long enough.
   *
   * @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was released before, and whatever `dispose` throws
   */
  release(): void {
    void this.letGo();
  }

  /** Releases it unless that is done already. */
  [Symbol.dispose](): void {
    if (!this.isReleased) this.release();
  }

  /** As `[Symbol.dispose]`, and waits for what `dispose` returns. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isReleased) await this.letGo();
  }

  private letGo(): void | PromiseLike<void> {
    if (this.isReleased) {
      throw new MemtoolError('MEMTOOL_DOUBLE_FREE', `A holder of the shared value ${this.key} released it twice.`, {
        hint: 'Release it in one place, or use a `using` declaration, which releases what is still held.',
      });
    }
    this.isReleased = true;
    return this.entry.release();
  }
}

showFacts(Shared.prototype);

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
function checkIdle(idleMs: number = 0): void {
  if (typeof idleMs === 'number' && idleMs >= 0 && idleMs <= IDLE_MS_MAX) return;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `idleMs is ${String(idleMs)}, which is no time to wait.`, {
    hint: `Give milliseconds from 0 to ${IDLE_MS_MAX}.`,
  });
}
