import type { Arena } from './arena/arena.ts';
import { OUT_UNRECORDED, type Slot } from './arena/slot.ts';
import {
  PLACE_ALLOCATION,
  RECORD_LINK,
  RECORD_PLACE,
  RECORD_SCOPE,
  TALLY_LOST_BYTES,
  TALLY_LOST_COUNT,
} from './ledger/layout.ts';
import type { MemoryPool } from './pool.ts';
import { UNRECORDED } from './reservation.ts';

/** Takes a pool's memory back without the handles that hold it: what is lost, and what cleanup is told to take. */
export class Recovery {
  private readonly pool: MemoryPool;
  private readonly arena: () => Arena | undefined;
  private readonly records: number[] = [];
  private readonly slots: Slot[] = [];

  constructor(pool: MemoryPool, arena: () => Arena | undefined) {
    this.pool = pool;
    this.arena = arena;
  }

  /** Lost slots that have no record. */
  get lostSlots(): readonly Slot[] {
    return this.slots;
  }

  recordLost(record: number): void {
    this.pool.ledger.markLost(record);
    this.records.push(record);
  }

  slotLost(slot: Slot): void {
    if (slot.record === OUT_UNRECORDED) this.slots.push(slot);
    else this.recordLost(slot.record);
  }

  /**
   * Releases everything that is known to be lost, and counts it, so that a leak stays visible after its memory is back.
   *
   * @param onRelease is told of each beforehand; `record` is 0 where there is none
   */
  releaseLost(onRelease?: (record: number, bytes: number) => void): void {
    const { pool } = this;
    for (const record of this.records.splice(0)) {
      const bytes = pool.ledger.double(record << 2);
      onRelease?.(record, bytes);
      this.countLost(bytes);
      this.take(record);
    }
    for (const slot of this.slots.splice(0)) {
      onRelease?.(UNRECORDED, slot.unrecordedBytes);
      this.countLost(slot.unrecordedBytes);
      pool.countUnrecorded(-1);
      this.takeFromHolder(slot, false);
      pool.discharge(slot.unrecordedBytes);
    }
  }

  /**
   * Releases a record. The bytes of an allocation are reused at once when they are lost, and only when nobody can reach
   * them any more otherwise.
   *
   * @param isRevoked whether its handle is to give the bytes no more; a handle that is merely uncharged still does
   */
  take(record: number, isRevoked = false): void {
    const { pool } = this;
    const { ledger } = pool;
    const at = record << 3;
    const bytes = ledger.double(record << 2);
    const isAllocation = (ledger.word(at + RECORD_PLACE) & PLACE_ALLOCATION) !== 0;
    const slot = isAllocation ? this.arena()?.slot(ledger.word(at + RECORD_LINK)) : undefined;
    ledger.release(record);
    if (slot !== undefined) this.takeFromHolder(slot, isRevoked);
    pool.discharge(bytes);
    if (ledger.word(at + RECORD_SCOPE) !== 0) ledger.leaveScope(record, bytes);
  }

  private takeFromHolder(slot: Slot, isRevoked: boolean): void {
    if (slot.state === 'lost') this.arena()?.releaseLost(slot);
    else this.arena()?.quarantine(slot, isRevoked);
  }

  private countLost(bytes: number): void {
    this.pool.addToTally(TALLY_LOST_COUNT, 1);
    this.pool.addToTally(TALLY_LOST_BYTES, bytes);
  }
}
