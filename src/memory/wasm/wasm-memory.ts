import { MemtoolError } from '../../errors.ts';
import { formatBytes } from '../../units.ts';
import { showFacts } from '../describable.ts';
import { MemoryLimitError } from '../limit-error.ts';
import type { MemoryPool } from '../pool.ts';
import type { ReserveOptions } from '../pool-options.ts';
import { checkScope } from '../scope/check-scope.ts';
import type { MemoryScope } from '../scope/scope.ts';
import { checkSize } from '../size.ts';
import { WasmCharge } from './wasm-charge.ts';
import {
  isWasmMemory,
  PAGE_BYTES,
  PAGES_MAX,
  wasmApi,
  type WasmMemoryDescriptor,
  type WasmMemoryObject,
} from './wasm-runtime.ts';
import { roomPages } from './wasm-room.ts';

/** A call of WebAssembly code that is watched. @internal */
export interface WasmCall {
  /** Who called. */
  readonly scope: MemoryScope | undefined;
  /** Why growth during it was refused. */
  refusal: MemtoolError | undefined;
  /** The call that it interrupts. */
  readonly outer: WasmCall | undefined;
}

/** By memory: each is charged once. */
const charged = new WeakMap<object, WasmMemory>();

/**
 * A WebAssembly memory that is charged to a pool, to its home, which is the scope it was charged in, and to the scopes that made
 * it grow. When one of these ends, its part passes on to what that hung on, and at last to the pool alone. Made by `chargeWasmMemory`, `makeWasmMemory` and `instantiateWasm`.
 *
 * `memory.grow()` is refused before it happens. WebAssembly's own instruction cannot be: only the memory's maximum bounds it,
 * and what it took is charged when a watched call returns, or with `sync()`. The charge ends with `free()`, or when the
 * memory is collected.
 */
export class WasmMemory {
  readonly memory: WasmMemoryObject;
  private readonly charge: WasmCharge;
  /** Bytes of the memory that were noticed. */
  private seenBytes: number;
  private running: WasmCall | undefined = undefined;
  /** Calls whose promise is pending. */
  private readonly suspended = new Set<WasmCall>();
  private readonly ownGrow: PropertyDescriptor | undefined;
  private isFreed = false;

  /** @param seenBytes what of it is in the charge @internal */
  constructor(memory: WasmMemoryObject, charge: WasmCharge, seenBytes: number) {
    this.memory = memory;
    this.charge = charge;
    this.seenBytes = seenBytes;
    this.ownGrow = Object.getOwnPropertyDescriptor(memory, 'grow');
    const grow = memory.grow.bind(memory);
    const value = (pages: number): number => this.grow(pages, grow);
    // As a property of this memory alone; of a frozen one, what it grows by is noticed afterwards.
    Reflect.defineProperty(memory, 'grow', { value, configurable: true, writable: true });
    charged.set(memory, this);
    charge.follow(memory);
  }

  /** @internal */
  static of(memory: WasmMemoryObject): WasmMemory | undefined {
    return charged.get(memory);
  }

  get pool(): MemoryPool {
    return this.charge.pool;
  }

  /** Bytes charged. Less than the memory has when no account had room for what it took, or a cleanup uncharged some. */
  get size(): number {
    return this.charge.size;
  }

  /** Bytes that WebAssembly took and that no account had room for. `sync()` charges them when one has. */
  get unchargedBytes(): number {
    return this.charge.unchargedBytes;
  }

  /** Whether it is still followed: not freed. */
  get isHeld(): boolean {
    return !this.isFreed;
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    const { pool, size, unchargedBytes, isHeld } = this;
    return { pool: pool.name, size, unchargedBytes, tag: this.charge.tag ?? null, isHeld };
  }

  /**
   * Charges what it has grown by unnoticed to the active scope, and what nobody could be charged with to whoever has room now.
   *
   * @throws MemoryLimitError when a limit refuses what it has grown by; its home or the pool alone is then charged with it, as
   *   far as they have room
   */
  sync(): void {
    const call = this.newCall();
    this.notice(call);
    this.charge.assignUncharged();
    if (call.refusal !== undefined) throw call.refusal;
  }

  /**
   * Gives the charge back, and follows the memory no longer.
   *
   * @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was freed before
   */
  free(): void {
    if (this.isFreed) {
      throw new MemtoolError(
        'MEMTOOL_DOUBLE_FREE',
        `The charge of a WebAssembly memory in pool ${this.pool.name} was already freed.`,
        {
          hint: 'Free it in one place, or not at all: it is given back when the memory is collected.',
        },
      );
    }
    this.isFreed = true;
    charged.delete(this.memory);
    if (this.ownGrow === undefined) Reflect.deleteProperty(this.memory, 'grow');
    else Reflect.defineProperty(this.memory, 'grow', this.ownGrow);
    this.charge.free();
  }

  /** Frees it if it is not yet. */
  [Symbol.dispose](): void {
    if (!this.isFreed) this.free();
  }

  /** A watched call begins. @internal */
  begin(): WasmCall {
    this.notice();
    this.running = this.newCall();
    return this.running;
  }

  /** A watched call returns or throws. @internal */
  end(call: WasmCall): void {
    this.notice();
    this.running = call.outer;
  }

  /** The call that returned has a promise, and WebAssembly code may go on until `resume`. @internal */
  suspend(call: WasmCall): void {
    this.suspended.add(call);
  }

  /** The promise of a call is settled. @internal */
  resume(call: WasmCall): void {
    this.notice(call);
    this.suspended.delete(call);
  }

  /** Charges growth to the call that runs or, where none does, is the only one suspended; to the memory's home otherwise. */
  private notice(call: WasmCall | undefined = this.running ?? this.onlySuspended()): void {
    if (this.isFreed) return;
    const bytes = this.memory.buffer.byteLength - this.seenBytes;
    if (bytes <= 0) return;
    this.seenBytes += bytes;
    const refusal = call === undefined ? undefined : this.charge.take(call.scope, bytes);
    if (call !== undefined && refusal === undefined) return;
    this.charge.assign(bytes);
    if (call === undefined || refusal === undefined) return;
    call.refusal ??= refusal instanceof MemoryLimitError ? this.stateOvershoot(refusal) : refusal;
  }

  /** A call by the scope that runs; by the memory's home where none does. */
  private newCall(): WasmCall {
    return { scope: this.payer(), refusal: undefined, outer: this.running };
  }

  private payer(): MemoryScope | undefined {
    return this.pool.ledger.scopes?.active() ?? this.charge.home;
  }

  private onlySuspended(): WasmCall | undefined {
    const [call] = this.suspended;
    return this.suspended.size === 1 ? call : undefined;
  }

  /** `memory.grow()`: charged before it happens. */
  private grow(pages: number, grow: (pages: number) => number): number {
    this.notice();
    // A memory of 64-bit addresses takes a BigInt.
    const asked: unknown = pages;
    const bytes = Math.trunc(Number(asked)) * PAGE_BYTES;
    // What is no number of pages is for the memory to refuse.
    if (this.isFreed || !Number.isSafeInteger(bytes) || bytes <= 0) return grow(pages);
    const scope = this.payer();
    const refusal = this.charge.take(scope, bytes);
    if (refusal !== undefined) throw refusal;
    let pagesBefore: number;
    try {
      pagesBefore = grow(pages);
    } catch (error) {
      this.charge.giveBack(scope, bytes);
      throw error;
    }
    this.seenBytes += bytes;
    return pagesBefore;
  }

  private stateOvershoot(refusal: MemoryLimitError): MemoryLimitError {
    const { pool, unchargedBytes } = this;
    const whose =
      unchargedBytes === 0
        ? `and pool ${pool.name} is charged with that outside of this scope`
        : `and ${formatBytes(unchargedBytes)} of it are charged to nobody`;
    refusal.message += ` WebAssembly code has grown its memory to ${formatBytes(this.seenBytes)} already, ${whose}: only a maximum of the memory can refuse that beforehand.`;
    return refusal;
  }
}

showFacts(WasmMemory.prototype);

/**
 * Charges a WebAssembly memory to a pool, and to the active scope or that of the options. A memory is charged once: again,
 * to the same pool, gives what was given before.
 *
 * A shared memory is to be charged in one thread; what others make it grow by is noticed there.
 *
 * @throws MemoryLimitError when refused; MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`, `MEMTOOL_CLOSED`
 */
export function chargeWasmMemory(pool: MemoryPool, memory: WasmMemoryObject, options: ReserveOptions = {}): WasmMemory {
  if (!isWasmMemory(memory)) {
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      `What is to be charged is of type ${typeof memory}, and no WebAssembly.Memory.`,
      {
        hint: 'Give the memory itself, such as instance.exports.memory.',
      },
    );
  }
  const known = charged.get(memory);
  if (known?.pool === pool) return known;
  if (known !== undefined) {
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      `The WebAssembly memory is charged to pool ${known.pool.name} already.`,
      {
        hint: 'Charge it to one pool, or free() that charge before.',
      },
    );
  }
  const { byteLength } = memory.buffer;
  return new WasmMemory(memory, takeCharge(pool, byteLength, options), byteLength);
}

/**
 * Makes a WebAssembly memory that is charged from the start. Its maximum is what was asked for, or what the limits leave free
 * now if that is less: so that WebAssembly's own instruction to grow fails, as it does without memory, before a limit is passed.
 *
 * @throws MemoryLimitError when refused; MemtoolError `MEMTOOL_INVALID_SIZE`, `MEMTOOL_SCOPE_ENDED`, `MEMTOOL_CLOSED`; RangeError
 *   and TypeError as `new WebAssembly.Memory`
 */
export function makeWasmMemory(
  pool: MemoryPool,
  descriptor: WasmMemoryDescriptor,
  options: ReserveOptions = {},
): WasmMemory {
  const { initial, maximum } = descriptor;
  checkSize(initial, 'The initial number of pages');
  const charge = takeCharge(pool, initial * PAGE_BYTES, options);
  try {
    const bound = initial + roomPages(pool, charge.home);
    const isBound = bound < Math.min(maximum ?? Infinity, PAGES_MAX);
    const memory = new (wasmApi().Memory)(isBound ? { ...descriptor, maximum: bound } : descriptor);
    return new WasmMemory(memory, charge, initial * PAGE_BYTES);
  } catch (error) {
    charge.free();
    throw error;
  }
}

/** A charge of the active scope, or of that of the options. @throws MemoryLimitError, MemtoolError @internal */
export function takeCharge(pool: MemoryPool, bytes: number, { scope, tag }: ReserveOptions): WasmCharge {
  const home = scope === undefined ? pool.ledger.scopes?.active() : checkScope(scope, pool.ledger);
  const charge = new WasmCharge(pool, tag, home);
  const refusal = charge.take(home, bytes);
  if (refusal === undefined) return charge;
  charge.free();
  throw refusal;
}
