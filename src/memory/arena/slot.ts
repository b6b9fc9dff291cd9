import type { Loan } from '../threads/loan.ts';
import type { Span } from './span.ts';

/** `usable` while idle or out; `lost`: nobody can reach it; `quarantined`: taken from a holder whose views may live; `lent`: another thread has it. */
export type SlotState = 'usable' | 'lost' | 'quarantined' | 'discarded' | 'lent';

/** `record` of a slot that is idle. */
export const IDLE = 0;
/** `record` of a slot that is out without one. */
export const OUT_UNRECORDED = -1;

/**
 * A fixed place in a segment that one allocation can have.
 *
 * Its `view` lies over a SharedArrayBuffer object that is this slot's alone (`structuredClone` of a segment's buffer gives
 * another object over the same memory: 0.1 us). Every view and subarray that the application makes keeps that object alive,
 * and while the slot is out nothing of ours does; so the object's finalizer is proof that nobody can reach the bytes.
 */
export class Slot {
  readonly span: Span;
  /** Index in the arena's list of slots, as the record of an allocation has it. */
  readonly index: number;
  readonly offset: number;
  state: SlotState = 'usable';
  /** The record of the allocation that has it, `OUT_UNRECORDED` or `IDLE`. */
  record: number = IDLE;
  /** While idle, the view of its last allocation, ready for the next one of the same length. Never set while out. */
  view: Buffer | undefined = undefined;
  /** Whether an object of its own is registered with the garbage collector and has not been reported as collected. */
  hasObject = false;
  /** The bytes asked for, of a slot that is out without a record. */
  unrecordedBytes = 0;
  /** Its holder was told to let go: the handle gives its bytes no more. */
  isRevoked = false;
  /** Of bytes that belong to another thread's arena. */
  loan: Loan | undefined = undefined;
  /** Filled with the poison pattern when it came back. */
  poisoned = false;

  constructor(span: Span, index: number, offset: number) {
    this.span = span;
    this.index = index;
    this.offset = offset;
  }
}
