import type { Span } from './span.ts';

/** `out`: an allocation has it. `lost`: nobody can reach it. `quarantined`: taken back while views may live. */
export type SlotState = 'idle' | 'out' | 'lost' | 'quarantined' | 'discarded';

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
  state: SlotState = 'idle';
  /** While idle, the view of its last allocation, ready for the next one of the same length. Never set while out. */
  view: Buffer | undefined = undefined;
  /** While out: the record, or 0 when the table was full. */
  record = 0;
  /** While out: the bytes asked for. */
  size = 0;
  /** Filled with the poison pattern when it came back. */
  poisoned = false;

  constructor(span: Span, index: number, offset: number) {
    this.span = span;
    this.index = index;
    this.offset = offset;
  }
}
