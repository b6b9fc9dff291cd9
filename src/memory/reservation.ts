import { MemtoolError } from '../errors.ts';
import { showFacts } from './describable.ts';
import { formatBytes } from '../units.ts';
import { CLOCK, LABEL_TAG_MASK, RECORD_BIRTH, RECORD_GENERATION, RECORD_LABEL, RECORD_LINK } from './ledger/layout.ts';
import type { MemoryPool } from './pool.ts';
import { checkSize } from './size.ts';
import type { TransferredMemory } from './threads/transfers.ts';

/** The record of a handle that has none: the table was full. A freed handle has the complement of its tag's index. */
export const UNRECORDED = 0;

/**
 * Accounting for memory that lives elsewhere: JavaScript objects, a native library. Made by `pool.reserve`.
 *
 * What cleanup took away can still be used without harm: `free` and `shrink` do nothing, `tryGrow` is false.
 */
export class MemoryReservation {
  /** @internal */
  owner: MemoryPool;
  /** @internal */
  record: number;
  /** The generation of its record; without a record, its bytes. Three fields: a fourth costs 1 ns on the hot path. @internal */
  ticket: number;

  /** @internal */
  constructor(pool: MemoryPool, record: number, ticket: number) {
    this.owner = pool;
    this.record = record;
    this.ticket = ticket;
  }

  /** The pool it is charged to. */
  get pool(): MemoryPool {
    return this.owner;
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    const { owner, size, tag, isHeld } = this;
    return { pool: owner.name, size, tag, isHeld };
  }

  /** Bytes held; 0 once it was freed or taken by cleanup. */
  get size(): number {
    if (!this.isHeld) return 0;
    return this.record === UNRECORDED ? this.ticket : this.owner.ledger.double(this.record << 2);
  }

  /** Whether it is still charged: neither freed nor taken by cleanup. */
  get isHeld(): boolean {
    return this.record === UNRECORDED || (this.record > 0 && this.owner.ledger.isLive(this.record, this.ticket));
  }

  /**
   * Gives everything back.
   *
   * @throws MemtoolError `MEMTOOL_DOUBLE_FREE` when it was freed before.
   */
  free(): void {
    const { record, owner } = this;
    if (record <= 0) return this.freeUnrecorded();
    const { ledger } = owner;
    const { words } = ledger;
    const at = record << 3;
    // `!`: a record's words and bytes are always within the views.
    if (words[at + RECORD_GENERATION] !== this.ticket) {
      // Cleanup took it, and the record may be another's by now.
      this.record = ~0;
      return;
    }
    this.record = ~(words[at + RECORD_LABEL]! & LABEL_TAG_MASK);
    words[at + RECORD_GENERATION] = (this.ticket + 1) | 0;
    words[at + RECORD_LINK] = ledger.freeRecord;
    ledger.freeRecord = record;
    owner.discharge(ledger.doubles[record << 2]!);
  }

  /** Frees what is still held; unlike `free` it may be called again, so that `using` and an early `free` go together. */
  [Symbol.dispose](): void {
    if (this.record >= 0) this.free();
  }

  /**
   * Takes `bytes` more, all or nothing.
   *
   * @returns whether they were granted; false on what cleanup took
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`, `MEMTOOL_INVALID_SIZE`
   */
  tryGrow(bytes: number): boolean {
    checkSize(bytes, 'The growth');
    this.assertNotFreed('grow');
    if (!this.isHeld || !this.owner.growRecord(this.record, bytes)) return false;
    this.setSize(this.size + bytes);
    return true;
  }

  /** As `tryGrow`. @throws MemoryLimitError when refused, MemtoolError `MEMTOOL_REVOKED` on what cleanup took */
  grow(bytes: number): void {
    if (this.tryGrow(bytes)) return;
    if (!this.isHeld) throw revoked(this.describe());
    throw this.owner.refusal(bytes, this.tag);
  }

  /** Gives `bytes` back. @throws MemtoolError `MEMTOOL_INVALID_SIZE` when that is more than is held */
  shrink(bytes: number): void {
    checkSize(bytes, 'The shrinkage');
    this.assertNotFreed('shrink');
    if (!this.isHeld) return;
    const { size } = this;
    if (bytes > size) {
      throw new MemtoolError('MEMTOOL_INVALID_SIZE', `${this.describe()} cannot shrink by ${formatBytes(bytes)}.`, {
        hint: 'Shrink by at most its size, or call free().',
      });
    }
    // The record first: of a thread that dies in between, no more is taken over than it had drawn.
    this.setSize(size - bytes);
    this.owner.shrinkRecord(this.record, bytes);
  }

  /** Grows or shrinks to `bytes`. @returns whether it was granted; shrinking always is, unless cleanup took it */
  resize(bytes: number): boolean {
    checkSize(bytes, 'The new size');
    this.assertNotFreed('resize');
    const { size } = this;
    if (bytes >= size) return this.tryGrow(bytes - size);
    this.shrink(size - bytes);
    return true;
  }

  /** Charges it to another pool of the same manager instead. @returns false, and nothing changes, when that pool refuses */
  transferTo(pool: MemoryPool): boolean {
    this.assertNotFreed('transfer');
    if (pool.ledger !== this.owner.ledger) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${this.describe()} cannot go to a pool of another manager.`, {
        hint: 'Reserve it there and free it here.',
      });
    }
    if (!this.isHeld) return false;
    if (pool === this.owner) return true;
    if (!pool.receive(this.size, this.record, this.owner)) return false;
    this.owner.handOver(this.size, this.record);
    this.owner = pool;
    return true;
  }

  /**
   * Sends it to another thread that shares the manager: post what this returns, and `memory.receive` makes it a reservation
   * there. Here it is gone; scopes of this thread are no longer charged for it.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`, `MEMTOOL_REVOKED`, `MEMTOOL_NOT_SHARED`
   */
  transfer(): TransferredMemory {
    this.assertNotFreed('be sent');
    if (!this.isHeld) throw revoked(this.describe());
    if (this.record === UNRECORDED) throw unrecorded(this.describe());
    const { tagIndex } = this;
    const sent = this.owner.send(this.record);
    this.record = ~tagIndex;
    return sent;
  }

  /** Counts its age from now on, for who knows that it has just been needed. @internal */
  renew(): void {
    const { ledger } = this.owner;
    if (this.record > 0 && this.isHeld) ledger.words[(this.record << 3) + RECORD_BIRTH] = ledger.words[CLOCK]!;
  }

  private get tagIndex(): number {
    return this.owner.ledger.word((this.record << 3) + RECORD_LABEL) & LABEL_TAG_MASK;
  }

  private get tag(): string | null {
    return this.record > 0 ? this.owner.ledger.tagOfHandle(this.record, this.ticket) : null;
  }

  private setSize(bytes: number): void {
    if (this.record === UNRECORDED) this.ticket = bytes;
    else this.owner.ledger.doubles[this.record << 2] = bytes;
  }

  private freeUnrecorded(): void {
    if (this.record < 0) throw doubleFree(this.describe());
    this.record = ~0;
    this.owner.handOver(this.ticket, UNRECORDED);
  }

  private assertNotFreed(action: string): void {
    if (this.record >= 0) return;
    throw new MemtoolError(
      'MEMTOOL_USE_AFTER_FREE',
      `${this.describe()} was freed or sent away, and cannot ${action}.`,
      {
        hint: 'Make a new reservation.',
      },
    );
  }

  private describe(): string {
    const tag = this.record < 0 ? this.owner.ledger.tagText(~this.record) : this.tag;
    return describeHandle('reservation', this.isHeld ? this.size : null, tag, this.owner.name);
  }
}

// Not by a base class: a constructor that must call another costs 4 ns on the hot path.
showFacts(MemoryReservation.prototype);

/** `The reservation of 4.0 KiB tagged profile-rows in pool query`. */
export function describeHandle(what: string, bytes: number | null, tag: string | null, pool: string): string {
  const size = bytes === null ? '' : ` of ${formatBytes(bytes)}`;
  return `The ${what}${size}${tag === null ? '' : ` tagged ${tag}`} in pool ${pool}`;
}

export function revoked(handle: string): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_REVOKED',
    `${handle} was taken back by a cleanup because it was held for too long.`,
    {
      hint: 'Ask anew; free what is no longer needed, so that no cleanup has to.',
    },
  );
}

/** What has no record cannot be found by another thread. */
export function unrecorded(handle: string): MemtoolError {
  return new MemtoolError('MEMTOOL_NOT_IN_TRANSIT', `${handle} has no record, so that no other thread can take it.`, {
    hint: 'The table of records was full when it was taken: raise recordsMax.',
  });
}

export function doubleFree(handle: string): MemtoolError {
  return new MemtoolError('MEMTOOL_DOUBLE_FREE', `${handle} was already freed, or sent to another thread.`, {
    hint: 'Free it in one place, or use a `using` declaration, which frees what is still held.',
  });
}
