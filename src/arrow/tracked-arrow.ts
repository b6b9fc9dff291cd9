import type { MemoryPool } from '../memory/pool.ts';
import { describeHandle, doubleFree, type MemoryReservation } from '../memory/reservation.ts';
import { buffersOf, type ArrowData, type ArrowSource } from './buffers.ts';
import type { TrackOptions } from './options.ts';

/** One buffer as one pool charges it: once, however many hold it. */
interface SharedBuffer {
  readonly bytes: number;
  readonly holders: Set<TrackedArrow>;
  /** In whose reservation it is. */
  payer: TrackedArrow | undefined;
}

/**
 * By the buffers, which it does not keep alive. While a buffer lives, so do those who hold it; so a tracker that was dropped
 * is found lost when its buffers are garbage too, and not before.
 */
const buffersByPool = new WeakMap<MemoryPool, WeakMap<ArrayBufferLike, SharedBuffer>>();

/**
 * What is charged for a table, a batch or a vector. Made by `trackArrow`.
 *
 * A buffer that several of a pool hold is in the charge of the first; when that one is freed, another takes it over.
 */
export class TrackedArrow {
  readonly pool: MemoryPool;
  private readonly reservation: MemoryReservation;
  private readonly held = new Set<SharedBuffer>();
  private isFreed = false;

  /** @internal */
  constructor(reservation: MemoryReservation, buffers: Iterable<SharedBuffer>) {
    this.pool = reservation.pool;
    this.reservation = reservation;
    this.hold(buffers);
  }

  /** Bytes of all its buffers, each counted once; 0 once it was freed. */
  get bytes(): number {
    let bytes = 0;
    for (const buffer of this.held) bytes += buffer.bytes;
    return bytes;
  }

  /** Bytes of those that it pays for: the others are in the charge of others. */
  get chargedBytes(): number {
    return this.isFreed ? 0 : this.reservation.size;
  }

  /**
   * Charges what another table, batch or vector has beyond this one, which it then is a part of.
   *
   * @returns false, and nothing changes, when that is refused, or when this one was freed or taken by cleanup
   */
  tryAdd(source: ArrowSource | ArrowData): boolean {
    if (this.isFreed || !this.reservation.isHeld) return false;
    const buffers = sharedBuffers(this.pool, source);
    if (!this.reservation.tryGrow(unpaidBytes(buffers))) return false;
    this.hold(buffers);
    return true;
  }

  /** As `tryAdd`. @throws MemoryLimitError when refused, MemtoolError when this one was freed or taken by cleanup */
  add(source: ArrowSource | ArrowData): void {
    const buffers = sharedBuffers(this.pool, source);
    this.reservation.grow(unpaidBytes(buffers));
    this.hold(buffers);
  }

  /**
   * Gives back what nobody else holds.
   *
   * @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was freed before
   */
  free(): void {
    if (this.isFreed) throw doubleFree(describeHandle('charge for Arrow memory', null, null, this.pool.name));
    this.isFreed = true;
    for (const buffer of this.held) {
      buffer.holders.delete(this);
      buffer.payer?.passOn(buffer);
    }
    this.held.clear();
    this.endIfPaid();
  }

  [Symbol.dispose](): void {
    if (!this.isFreed) this.free();
  }

  /** Whether it can pay for a buffer: what cleanup took from it is paid by nobody. @internal */
  get isPaying(): boolean {
    return this.reservation.isHeld;
  }

  private hold(buffers: Iterable<SharedBuffer>): void {
    for (const buffer of buffers) {
      this.held.add(buffer);
      buffer.holders.add(this);
      if (buffer.payer?.isPaying !== true) buffer.payer = this;
    }
  }

  /** One of its holders has let go of a buffer that is in this one's charge. */
  private passOn(buffer: SharedBuffer): void {
    if (buffer.holders.has(this)) return;
    buffer.payer = undefined;
    if (!this.isPaying) return;
    // First, so that the pool has room for it. The scopes of the others may have none: then it stays in this one's charge.
    this.reservation.shrink(buffer.bytes);
    for (const heir of buffer.holders) {
      if (!heir.isPaying || !heir.reservation.tryGrow(buffer.bytes)) continue;
      buffer.payer = heir;
      break;
    }
    const isLeft = buffer.holders.size > 0 && buffer.payer === undefined;
    if (isLeft && this.reservation.tryGrow(buffer.bytes)) buffer.payer = this;
    this.endIfPaid();
  }

  /** Freed, and none of its buffers is in its charge any more. */
  private endIfPaid(): void {
    if (this.isFreed && this.reservation.size === 0) this.reservation[Symbol.dispose]();
  }
}

/**
 * Charges the buffers of an Arrow table, record batch or vector: each once, whole, as a slice keeps all of it, and only if
 * no other tracker of the pool does already. JavaScript values that Arrow makes of them on access are not in it.
 *
 * @returns `undefined` when a limit does not allow it
 * @throws MemtoolError `MEMTOOL_CLOSED`
 */
export function trackArrow(source: ArrowSource | ArrowData, options: TrackOptions): TrackedArrow | undefined {
  const buffers = sharedBuffers(options.pool, source);
  const reservation = options.pool.reserve(unpaidBytes(buffers), options);
  return reservation === undefined ? undefined : new TrackedArrow(reservation, buffers);
}

/** As `trackArrow`. @throws MemoryLimitError when refused */
export function trackArrowOrThrow(source: ArrowSource | ArrowData, options: TrackOptions): TrackedArrow {
  const buffers = sharedBuffers(options.pool, source);
  return new TrackedArrow(options.pool.reserveOrThrow(unpaidBytes(buffers), options), buffers);
}

function sharedBuffers(pool: MemoryPool, source: ArrowSource | ArrowData): SharedBuffer[] {
  let known = buffersByPool.get(pool);
  if (known === undefined) buffersByPool.set(pool, (known = new WeakMap()));
  const shared: SharedBuffer[] = [];
  for (const buffer of buffersOf(source)) {
    let entry = known.get(buffer);
    if (entry === undefined) {
      entry = { bytes: buffer.byteLength, holders: new Set(), payer: undefined };
      known.set(buffer, entry);
    }
    shared.push(entry);
  }
  return shared;
}

function unpaidBytes(buffers: readonly SharedBuffer[]): number {
  let bytes = 0;
  for (const buffer of buffers) if (buffer.payer?.isPaying !== true) bytes += buffer.bytes;
  return bytes;
}
