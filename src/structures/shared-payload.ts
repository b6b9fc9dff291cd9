import type { Writable } from 'node:stream';
import { MemtoolError } from '../errors.ts';
import { showFacts } from '../memory/describable.ts';
import type { MemoryPool } from '../memory/pool.ts';
import type { ReserveOptions } from '../memory/pool-options.ts';
import type { MemoryReservation } from '../memory/reservation.ts';
import { formatBytes } from '../units.ts';
import { encodedBytes, jsonOf, ownBuffer } from './encoding.ts';

export interface PayloadOptions<Value> extends ReserveOptions {
  pool: MemoryPool;
  /**
   * Default: JSON in UTF-8. Bytes that fill their buffer are taken over without a copy, and must not be written to again; a
   * view of something larger is copied, so that no more is kept than is charged.
   */
  encode?: (value: Value) => string | Uint8Array;
}

/** What all holders of a payload have in common. */
interface SharedBytes {
  readonly bytes: Buffer;
  readonly reservation: MemoryReservation;
  holders: number;
}

/**
 * A message that is encoded once and sent to many: all holders have the same Buffer, the pool is charged for it once, and
 * with the last release the charge is gone.
 *
 * The bytes are a plain Buffer of the heap with a reservation beside it, not a part of the pool's arena: an arena hands
 * freed bytes out again at once, and a socket may still be writing them when the last holder releases. So a release that
 * comes too early makes the count too small for a moment, and never sends another's bytes.
 */
export class SharedPayload {
  readonly pool: MemoryPool;
  /** Bytes of the message. */
  readonly size: number;
  private shared: SharedBytes | undefined;

  private constructor(shared: SharedBytes) {
    shared.holders += 1;
    this.pool = shared.reservation.pool;
    this.size = shared.bytes.length;
    this.shared = shared;
  }

  /**
   * Encodes a value. Who asks is its first holder, and must release it as every other.
   *
   * @returns `undefined` when the pool, the manager or the scope has no room for it
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION` for what has no JSON, and whatever `encode` throws
   */
  static encode<Value>(value: Value, options: PayloadOptions<Value>): SharedPayload | undefined {
    const encoded = (options.encode ?? jsonOf)(value);
    const reservation = options.pool.reserve(encodedBytes(encoded), options);
    return reservation === undefined ? undefined : SharedPayload.of(ownBuffer(encoded), reservation);
  }

  /** As `encode`. @throws MemoryLimitError when refused */
  static encodeOrThrow<Value>(value: Value, options: PayloadOptions<Value>): SharedPayload {
    const encoded = (options.encode ?? jsonOf)(value);
    return SharedPayload.of(ownBuffer(encoded), options.pool.reserveOrThrow(encodedBytes(encoded), options));
  }

  /** Of bytes that are charged already. @internal */
  static of(bytes: Buffer, reservation: MemoryReservation): SharedPayload {
    return new SharedPayload({ bytes, reservation, holders: 0 });
  }

  /**
   * The message: the same Buffer for all holders, so nobody may write to it. It stays whole for as long as anyone refers to
   * it, whatever is released or taken by cleanup.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` when this holder has released it
   */
  get bytes(): Buffer {
    return this.held('be read').bytes;
  }

  /** How many hold it, whoever encoded it included; 0 once this holder has released it. */
  get holders(): number {
    return this.shared?.holders ?? 0;
  }

  /** Whether this holder has not released it. */
  get isHeld(): boolean {
    return this.shared !== undefined;
  }

  toJSON(): object {
    const { pool, size, holders, isHeld } = this;
    return { pool: pool.name, size, holders, isHeld };
  }

  /** Another holder of the same bytes. @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` when this one has released them */
  hold(): SharedPayload {
    return new SharedPayload(this.held('be held'));
  }

  /**
   * Writes the bytes to a stream, and holds them until it has taken or refused them.
   *
   * @returns what `write` returned: false when the stream asks to wait for `drain`
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`
   */
  writeTo(stream: Writable): boolean {
    const holder = this.hold();
    return stream.write(holder.bytes, () => holder.release());
  }

  /** This holder needs it no more; the last one frees it. @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was released before */
  release(): void {
    const { shared } = this;
    if (shared === undefined) {
      throw new MemtoolError('MEMTOOL_DOUBLE_FREE', `${this.describe()} was already released by this holder.`, {
        hint: 'Release each holder once, or use a `using` declaration; whoever needs it too takes a hold() of its own.',
      });
    }
    this.shared = undefined;
    shared.holders -= 1;
    if (shared.holders === 0) shared.reservation.free();
  }

  /** Releases what is still held; unlike `release` it may be called again. */
  [Symbol.dispose](): void {
    if (this.shared !== undefined) this.release();
  }

  private held(action: string): SharedBytes {
    if (this.shared !== undefined) return this.shared;
    throw new MemtoolError('MEMTOOL_USE_AFTER_FREE', `${this.describe()} was released, and cannot ${action}.`, {
      hint: 'Take a hold() before releasing, and release that when its own work is done.',
    });
  }

  private describe(): string {
    return `The payload of ${formatBytes(this.size)} in pool ${this.pool.name}`;
  }
}

showFacts(SharedPayload.prototype);
