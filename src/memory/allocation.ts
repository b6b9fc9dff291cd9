import { MemtoolError } from '../errors.ts';
import { showFacts } from './describable.ts';
import type { Slot } from './arena/slot.ts';
import { LABEL_TAG_MASK, RECORD_GENERATION, RECORD_LABEL, RECORD_SCOPE } from './ledger/layout.ts';
import type { MemoryPool } from './pool.ts';
import { describeHandle, doubleFree, revoked, unrecorded, UNRECORDED } from './reservation.ts';
import type { TransferredMemory } from './threads/transfers.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/**
 * Real bytes out of a pool's own arena. Made by `pool.allocate`.
 *
 * `bytes` is a Buffer over shared memory of exactly the length asked for. It is not zeroed unless asked (`{ zero: true }`).
 * Give a copy (`Buffer.from(bytes)`) to the few interfaces that refuse shared memory: `subtle.digest`, byte streams, `fetch`
 * bodies, CompressionStream. Do not post it to another thread: that shares the whole segment.
 */
export class MemoryAllocation {
  readonly pool: MemoryPool;
  /** Bytes asked for. */
  readonly size: number;
  private record: number;
  private readonly generation: number;
  private readonly slot: Slot | undefined;
  private view: Buffer | undefined;

  /** @internal */
  constructor(
    pool: MemoryPool,
    record: number,
    generation: number,
    size: number,
    slot: Slot | undefined,
    view: Buffer | undefined,
  ) {
    this.pool = pool;
    this.record = record;
    this.generation = generation;
    this.size = size;
    this.slot = slot;
    this.view = view;
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    const { pool, size, tag, isHeld } = this;
    return { pool: pool.name, size, tag, isHeld };
  }

  /** Whether it is still charged: neither freed nor taken by cleanup. */
  get isHeld(): boolean {
    return this.record >= 0 && (this.record === UNRECORDED || this.pool.ledger.isLive(this.record, this.generation));
  }

  /**
   * The memory, aligned to 16 bytes.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` after `free()`, `MEMTOOL_REVOKED` when cleanup took it
   */
  get bytes(): Buffer {
    const { record, view } = this;
    if (
      record > 0 &&
      this.pool.ledger.words[(record << 3) + RECORD_GENERATION] === this.generation &&
      view !== undefined
    )
      return view;
    return this.unusualBytes();
  }

  /**
   * Gives the memory back, for reuse at once: what is read or written through `bytes` from now on belongs to someone else.
   *
   * @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was freed before
   */
  free(): void {
    const { record, pool, slot, view } = this;
    const { ledger } = pool;
    if (record < 0) throw doubleFree(this.describe());
    this.view = undefined;
    if (record > 0 && ledger.words[(record << 3) + RECORD_GENERATION] === this.generation) {
      this.record = ~(ledger.words[(record << 3) + RECORD_LABEL]! & LABEL_TAG_MASK);
      ledger.release(record);
      if (ledger.words[(record << 3) + RECORD_SCOPE] !== 0) ledger.leaveScope(record, this.size);
    } else {
      this.record = ~0;
      // Cleanup took it, and the record may be another's by now.
      if (record !== UNRECORDED) return;
      pool.countUnrecorded(-1);
    }
    if (slot !== undefined && view !== undefined) pool.returnSlot(slot, view);
    pool.discharge(this.size);
  }

  /** Frees what is still held; unlike `free` it may be called again, so that `using` and an early `free` go together. */
  [Symbol.dispose](): void {
    if (this.record >= 0) this.free();
  }

  /**
   * Sends it to another thread that shares the manager, its bytes too, without a copy: post what this returns, and
   * `memory.receive` makes it an allocation there. Here it is gone; what is read or written through `bytes` from now on
   * belongs to the other thread.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`, `MEMTOOL_REVOKED`, `MEMTOOL_NOT_SHARED`
   */
  transfer(): TransferredMemory {
    const { record, pool, slot, view } = this;
    if (record < 0) throw this.usedAfterFree();
    if (!this.isHeld) throw revoked(this.describe());
    if (record === UNRECORDED) throw unrecorded(this.describe());
    const tag = pool.ledger.word((record << 3) + RECORD_LABEL) & LABEL_TAG_MASK;
    const sent = pool.send(record, slot, view);
    this.record = ~tag;
    this.view = undefined;
    return sent;
  }

  private unusualBytes(): Buffer {
    if (this.record < 0) throw this.usedAfterFree();
    // While the view is here the slot can be nobody else's, so what it says is said of this handle.
    if (!this.isHeld && this.size > 0 && (this.view === undefined || this.slot?.isRevoked === true)) {
      // Without this the bytes would stay in quarantine for as long as the handle lives.
      this.view = undefined;
      throw revoked(this.describe());
    }
    // What was orphaned and is no longer charged stays whole for as long as anyone can reach it.
    return this.view ?? NO_BYTES;
  }

  private usedAfterFree(): MemtoolError {
    return new MemtoolError(
      'MEMTOOL_USE_AFTER_FREE',
      `${this.describe()} was freed or sent away, and its bytes may belong to someone else.`,
      {
        hint: 'Free or send it when the last reader is done, or copy with Buffer.from(bytes) what must outlive it.',
      },
    );
  }

  private get tag(): string | null {
    const { ledger } = this.pool;
    if (this.record < 0) return ledger.tagText(~this.record);
    return this.record > 0 ? ledger.tagOfHandle(this.record, this.generation) : null;
  }

  private describe(): string {
    return describeHandle('allocation', this.size, this.tag, this.pool.name);
  }
}

// Not by a base class: a constructor that must call another costs 4 ns on the hot path.
showFacts(MemoryAllocation.prototype);
