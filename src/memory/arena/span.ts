import type { Run } from './segments.ts';
import type { Slot } from './slot.ts';

/** A run of blocks that serves one slot size: a block divided into slots, or a run of blocks that is one slot. */
export class Span {
  readonly bin: Bin;
  readonly run: Run;
  /** Slots made so far, one when it is needed: a block may hold hundreds. */
  carved = 0;
  /** Slots that are not idle. */
  busy = 0;

  constructor(bin: Bin, run: Run) {
    this.bin = bin;
    this.run = run;
  }
}

/** All slots of one size. */
export class Bin {
  readonly slotBytes: number;
  readonly spanBlocks: number;
  readonly slotsPerSpan: number;
  /** Slots to take, the last one given back first: its memory is warm. */
  idle: Slot[] = [];
  /** A span that has slots still to be made. */
  fresh: Span | undefined = undefined;

  constructor(slotBytes: number, spanBlocks: number, slotsPerSpan: number) {
    this.slotBytes = slotBytes;
    this.spanBlocks = spanBlocks;
    this.slotsPerSpan = slotsPerSpan;
  }
}
