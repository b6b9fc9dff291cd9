import type { Segment } from './segment.ts';
import type { Slot } from './slot.ts';

/** A run of blocks that serves one slot size: a block divided into slots, or a run of blocks that is one slot. */
export class Span {
  readonly bin: Bin;
  readonly segment: Segment;
  readonly firstBlock: number;
  /** Slots that can be taken; further ones are made when these are used up, until `carved` is the bin's `slotsPerSpan`. */
  readonly idle: Slot[] = [];
  carved = 0;
  /** Slots that are not idle. */
  busy = 0;
  /** Place in `bin.open`, -1 when no slot can be taken. */
  position = -1;

  constructor(bin: Bin, segment: Segment, firstBlock: number) {
    this.bin = bin;
    this.segment = segment;
    this.firstBlock = firstBlock;
  }
}

/** All spans of one slot size. */
export class Bin {
  readonly slotBytes: number;
  readonly spanBlocks: number;
  readonly slotsPerSpan: number;
  /** Spans with slots to take; the last one is used first. */
  readonly open: Span[] = [];

  constructor(slotBytes: number, spanBlocks: number, slotsPerSpan: number) {
    this.slotBytes = slotBytes;
    this.spanBlocks = spanBlocks;
    this.slotsPerSpan = slotsPerSpan;
  }

  openSpan(span: Span): void {
    span.position = this.open.push(span) - 1;
  }

  closeSpan(span: Span): void {
    const last = this.open.pop();
    if (last !== undefined && last !== span) {
      this.open[span.position] = last;
      last.position = span.position;
    }
    span.position = -1;
  }
}
