import { constants } from 'node:buffer';
import { MemtoolError } from '../../errors.ts';
import { ALIGNMENT_BYTES, classTable, sizeClasses } from './size-classes.ts';
import { Segment } from './segment.ts';
import { Slot } from './slot.ts';
import { Bin, Span } from './span.ts';

const SEGMENT_BYTES = 1024 * 1024;
/** How many segments with room are searched before a new one is made: bounds the search, at some fragmentation. */
const SEGMENTS_SEARCHED = 32;
const POISON = 0xdb;

export interface ArenaOptions {
  /** A power of two. */
  blockBytes: number;
  /** A segment is no larger than what the pool may use at all. */
  limitBytes: number;
  poison: boolean;
  /** Called when nobody can reach a slot's bytes any more although it was never given back. */
  onLost: (slot: Slot) => void;
}

/**
 * Hands out real memory for one pool and one thread: slots of fixed sizes inside a block, runs of blocks above half a
 * block, a segment of its own for what is larger than a segment.
 *
 * Invariant: bytes that anything can still reach are never handed out twice, except those that the application itself gave
 * back with `free()`.
 */
export class Arena {
  readonly blockBytes: number;
  /** Memory held from the system. */
  heldBytes = 0;
  private readonly options: ArenaOptions;
  private readonly segmentBlocks: number;
  private readonly segments = new Set<Segment>();
  /** Those with free blocks. */
  private readonly roomy = new Set<Segment>();
  private readonly classes: Bin[];
  private readonly classOf: Uint8Array;
  /** Bins of whole blocks, by the number of blocks. */
  private readonly runs = new Map<number, Bin>();
  private readonly slots: (Slot | undefined)[] = [];
  private readonly freeIndexes: number[] = [];
  /** In spans of which every slot is idle: kept for the next allocation, up to `idleBytesMax`. */
  private idleBytes = 0;
  private busyBytes = 0;
  private readonly unreachable: FinalizationRegistry<Slot>;

  constructor(options: ArenaOptions) {
    const { blockBytes, limitBytes } = options;
    this.options = options;
    this.blockBytes = blockBytes;
    const segmentBytes = Math.max(blockBytes, Math.min(SEGMENT_BYTES, limitBytes));
    this.segmentBlocks = Math.ceil(segmentBytes / blockBytes);
    const classes = sizeClasses(blockBytes);
    this.classes = classes.map((size) => new Bin(size, 1, Math.floor(blockBytes / size)));
    this.classOf = classTable(classes);
    this.unreachable = new FinalizationRegistry((slot) => this.onUnreachable(slot));
  }

  slot(index: number): Slot | undefined {
    return this.slots[index];
  }

  /**
   * Takes a slot for `size` bytes (not 0). The caller has the slot's view from then on, and the slot must not.
   *
   * @returns `undefined` when the system has no memory, or a Buffer cannot be that long.
   * @throws MemtoolError `MEMTOOL_WRITE_AFTER_FREE` with `poison`, when the bytes were written to while they were free.
   */
  take(size: number): { slot: Slot; view: Buffer } | undefined {
    const slot = this.takeSlot(size);
    return slot === undefined ? undefined : { slot, view: this.takeView(slot, size) };
  }

  /** Two steps of `take`, for the hot path: an object that holds both would be garbage. */
  takeSlot(size: number): Slot | undefined {
    const bin = this.binFor(size);
    const span = bin.open[bin.open.length - 1] ?? this.newSpan(bin, size);
    if (span === undefined) return undefined;
    const slot = span.idle.pop() ?? this.carve(span);
    if (span.idle.length === 0 && span.carved === bin.slotsPerSpan) bin.closeSpan(span);
    if (span.busy === 0) {
      const spanBytes = bin.spanBlocks * this.blockBytes;
      this.idleBytes -= spanBytes;
      this.busyBytes += spanBytes;
    }
    span.busy += 1;
    if (slot.poisoned) this.checkPoison(slot);
    slot.state = 'out';
    slot.size = size;
    return slot;
  }

  takeView(slot: Slot, size: number): Buffer {
    const known = slot.view;
    slot.view = undefined;
    if (known === undefined) {
      const own = structuredClone(slot.span.segment.shared);
      this.unreachable.register(own, slot);
      return Buffer.from(own, slot.offset, size);
    }
    // The very Buffer of the last allocation when the length is the same: making another costs 50 ns.
    return known.length === size ? known : Buffer.from(known.buffer, slot.offset, size);
  }

  /** Takes a slot back from its holder, with the view that the holder had. */
  giveBack(slot: Slot, view: Buffer): void {
    slot.view = view;
    this.makeIdle(slot);
  }

  /** Reuses a slot that is certain to be out of reach. Its next allocation gets an object of its own again. */
  releaseLost(slot: Slot): void {
    this.makeIdle(slot);
  }

  /** Takes a slot from a holder that may still look at it: it is reused once nobody can. */
  quarantine(slot: Slot): void {
    slot.state = 'quarantined';
  }

  /** Gives everything idle back to the system. @returns bytes given back */
  trim(): number {
    return this.shrinkTo(0);
  }

  /** What `trim` would give back now, at most: segments in which something is in use stay. */
  get idleSegmentBytes(): number {
    let bytes = 0;
    const idleBlocks = new Map<Segment, number>();
    for (const bin of this.bins()) {
      for (const span of bin.open) {
        if (span.busy === 0) idleBlocks.set(span.segment, (idleBlocks.get(span.segment) ?? 0) + bin.spanBlocks);
      }
    }
    for (const segment of this.segments) {
      if (segment.freeBlocks + (idleBlocks.get(segment) ?? 0) === segment.blocks)
        bytes += segment.blocks * this.blockBytes;
    }
    return bytes;
  }

  private makeIdle(slot: Slot): void {
    const { span } = slot;
    slot.state = 'idle';
    slot.record = 0;
    if (this.options.poison) this.fillPoison(slot);
    span.idle.push(slot);
    if (span.position < 0) span.bin.openSpan(span);
    span.busy -= 1;
    if (span.busy > 0) return;
    const spanBytes = span.bin.spanBlocks * this.blockBytes;
    this.idleBytes += spanBytes;
    this.busyBytes -= spanBytes;
    // A quarter of what is in use may lie idle: frees and allocations around a steady size never reach the system.
    if (this.idleBytes > Math.max(2 * this.segmentBlocks * this.blockBytes, this.busyBytes / 4)) this.shrinkTo(1);
  }

  private onUnreachable(slot: Slot): void {
    if (slot.state === 'out') {
      slot.state = 'lost';
      this.options.onLost(slot);
    } else if (slot.state === 'quarantined') this.makeIdle(slot);
    // `discarded`: its span went back to the segment, and its view with it. `idle` cannot be: the view keeps the object.
  }

  private binFor(size: number): Bin {
    const small = this.classOf[Math.ceil(size / ALIGNMENT_BYTES)];
    const bin = small === undefined ? undefined : this.classes[small];
    if (bin !== undefined) return bin;
    const blocks = Math.ceil(size / this.blockBytes);
    let run = this.runs.get(blocks);
    if (run === undefined) {
      run = new Bin(blocks * this.blockBytes, blocks, 1);
      this.runs.set(blocks, run);
    }
    return run;
  }

  private newSpan(bin: Bin, size: number): Span | undefined {
    if (size > constants.MAX_LENGTH) return undefined;
    const place = this.findRun(bin.spanBlocks) ?? this.newSegment(bin.spanBlocks);
    if (place === undefined) return undefined;
    const span = new Span(bin, place.segment, place.firstBlock);
    bin.openSpan(span);
    this.idleBytes += bin.spanBlocks * this.blockBytes;
    return span;
  }

  /** Makes the span's next slot; not all at once, since a block may hold hundreds. */
  private carve(span: Span): Slot {
    const index = this.freeIndexes.pop() ?? this.slots.length;
    const slot = new Slot(span, index, span.firstBlock * this.blockBytes + span.carved * span.bin.slotBytes);
    span.carved += 1;
    this.slots[index] = slot;
    return slot;
  }

  private findRun(blocks: number): { segment: Segment; firstBlock: number } | undefined {
    if (blocks > this.segmentBlocks) return undefined;
    let searched = 0;
    for (const segment of this.roomy) {
      const firstBlock = segment.takeRun(blocks);
      if (firstBlock >= 0) {
        if (segment.freeBlocks === 0) this.roomy.delete(segment);
        return { segment, firstBlock };
      }
      searched += 1;
      if (searched === SEGMENTS_SEARCHED) return undefined;
    }
    return undefined;
  }

  private newSegment(blocks: number): { segment: Segment; firstBlock: number } | undefined {
    try {
      const segment = new Segment(Math.max(blocks, this.segmentBlocks), this.blockBytes);
      this.segments.add(segment);
      this.heldBytes += segment.blocks * this.blockBytes;
      const firstBlock = segment.takeRun(blocks);
      if (segment.freeBlocks > 0) this.roomy.add(segment);
      return { segment, firstBlock };
    } catch {
      // RangeError: the system has no memory for it. A refusal like any other.
      return undefined;
    }
  }

  /** Returns idle spans to their segments and drops empty segments, but for `keep` of them. @returns bytes dropped */
  private shrinkTo(keep: number): number {
    for (const bin of this.bins()) {
      for (const span of bin.open.filter(({ busy }) => busy === 0)) this.discard(span);
    }
    const before = this.heldBytes;
    let kept = 0;
    for (const segment of this.segments) {
      if (segment.freeBlocks < segment.blocks) continue;
      // A segment of its own, for something big, would serve nothing else well: it always goes.
      if (kept < keep && segment.blocks === this.segmentBlocks) kept += 1;
      else {
        this.segments.delete(segment);
        this.roomy.delete(segment);
        this.heldBytes -= segment.blocks * this.blockBytes;
      }
    }
    return before - this.heldBytes;
  }

  private discard(span: Span): void {
    span.bin.closeSpan(span);
    for (const slot of span.idle) {
      slot.state = 'discarded';
      slot.view = undefined;
      this.slots[slot.index] = undefined;
      this.freeIndexes.push(slot.index);
    }
    span.segment.giveBack(span.firstBlock, span.bin.spanBlocks);
    this.roomy.add(span.segment);
    this.idleBytes -= span.bin.spanBlocks * this.blockBytes;
  }

  private *bins(): Iterable<Bin> {
    yield* this.classes;
    yield* this.runs.values();
  }

  private bytesOf(slot: Slot): Uint8Array {
    return new Uint8Array(slot.span.segment.shared, slot.offset, slot.span.bin.slotBytes);
  }

  private fillPoison(slot: Slot): void {
    this.bytesOf(slot).fill(POISON);
    slot.poisoned = true;
  }

  private checkPoison(slot: Slot): void {
    slot.poisoned = false;
    const changed = this.bytesOf(slot).findIndex((byte) => byte !== POISON);
    if (changed < 0) return;
    // The slot is left out of use: whoever wrote to it may write again.
    slot.state = 'quarantined';
    throw new MemtoolError(
      'MEMTOOL_WRITE_AFTER_FREE',
      `Byte ${changed} of an allocation of ${slot.size} bytes was written to after it was freed.`,
      { hint: 'Look for a Buffer or subarray that is kept after free(); its last holder asked for that size.' },
    );
  }
}
