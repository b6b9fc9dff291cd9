import type { MemoryPool } from '../memory/pool.ts';
import type { MemoryReservation } from '../memory/reservation.ts';
import type { TrackOptions } from './options.ts';

/** What apache-arrow's builders say of themselves. */
export interface ArrowBuilder {
  /** Of what was written, and what waits to be. */
  readonly byteLength: number;
  /** Of the buffers that it has made. */
  readonly reservedByteLength: number;
  readonly children: readonly ArrowBuilder[];
}

/** Of a dictionary-encoded column, whose parts are no children. */
interface DictionaryParts {
  readonly indices: ArrowBuilder;
  readonly dictionary: ArrowBuilder;
}

/**
 * What is charged for a builder, as much as it has when it is followed. A builder takes memory on its own, so what is refused
 * is there already: drop the rows, or stop. Made by `trackBuilder`.
 */
export class TrackedBuilder {
  readonly builder: ArrowBuilder;
  private readonly reservation: MemoryReservation;

  /** @internal */
  constructor(builder: ArrowBuilder, reservation: MemoryReservation) {
    this.builder = builder;
    this.reservation = reservation;
  }

  get pool(): MemoryPool {
    return this.reservation.pool;
  }

  /** Bytes charged. */
  get bytes(): number {
    return this.reservation.size;
  }

  /**
   * Charges what the builder has taken since the last time, or gives back what it has flushed.
   *
   * @returns false, and as much is charged as before, when that is refused
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`
   */
  tryFollow(): boolean {
    return this.reservation.resize(heldBytes(this.builder));
  }

  /** As `tryFollow`. @throws MemoryLimitError when refused, MemtoolError `MEMTOOL_REVOKED` on what cleanup took */
  follow(): void {
    const growth = heldBytes(this.builder) - this.reservation.size;
    if (growth >= 0) this.reservation.grow(growth);
    else this.reservation.shrink(-growth);
  }

  /** @throws MemtoolError `MEMTOOL_DOUBLE_FREE` */
  free(): void {
    this.reservation.free();
  }

  [Symbol.dispose](): void {
    this.reservation[Symbol.dispose]();
  }
}

/**
 * Charges what an Arrow builder has, and as it grows what `tryFollow` or `follow` find.
 *
 * @returns `undefined` when a limit does not allow it
 * @throws MemtoolError `MEMTOOL_CLOSED`
 */
export function trackBuilder(builder: ArrowBuilder, options: TrackOptions): TrackedBuilder | undefined {
  const reservation = options.pool.reserve(heldBytes(builder), options);
  return reservation === undefined ? undefined : new TrackedBuilder(builder, reservation);
}

/** As `trackBuilder`. @throws MemoryLimitError when refused */
export function trackBuilderOrThrow(builder: ArrowBuilder, options: TrackOptions): TrackedBuilder {
  return new TrackedBuilder(builder, options.pool.reserveOrThrow(heldBytes(builder), options));
}

/**
 * Buffers double, so a builder has more than was written; and texts and bytes wait outside of them until they are flushed,
 * so it has more than its buffers. Of each part of it the larger counts.
 */
function heldBytes(builder: ArrowBuilder): number {
  if (hasDictionary(builder)) return heldBytes(builder.indices) + heldBytes(builder.dictionary);
  let written = builder.byteLength;
  let reserved = builder.reservedByteLength;
  let below = 0;
  for (const child of builder.children) {
    written -= child.byteLength;
    reserved -= child.reservedByteLength;
    below += heldBytes(child);
  }
  return Math.ceil(Math.max(written, reserved, 0) + below);
}

function hasDictionary(builder: ArrowBuilder): builder is ArrowBuilder & DictionaryParts {
  return 'indices' in builder && 'dictionary' in builder;
}
