import { constants } from 'node:buffer';
import { MemtoolError } from '../../errors.ts';
import { makeFinalizers } from '../finalizers.ts';
import { fillPoison, firstChange } from './poison.ts';
import { ALIGNMENT_BYTES, classTable, sizeClasses } from './size-classes.ts';
import type { Loan } from '../threads/loan.ts';
import { Segment } from './segment.ts';
import { Segments } from './segments.ts';
import { IDLE, Slot } from './slot.ts';
import { SlotBuffer } from './slot-buffer.ts';
import { Bin, Span } from './span.ts';

const SEGMENT_BYTES: number = 1024 * 1024;
/** Runs shorter than this are found by index, longer ones in a map (10 ns slower). */
const RUNS_LISTED = 256;
const ALIGNMENT_SHIFT: number = Math.log2(ALIGNMENT_BYTES);

export interface ArenaOptions {
  /** A power of two. */
  blockBytes: number;
  /** A segment is no larger than what the pool may use at all. */
  limitBytes: () => number;
  poison: boolean;
  /** Called when nobody can reach a slot's bytes any more although it was never given back. */
  onLost: (slot: Slot) => void;
  /** Called when memory was taken from the system or given back to it. */
  onHeldChange: (heldBytes: number) => void;
}

interface LentSlot {
  slot: Slot;
  view: Buffer;
  isBack: () => boolean;
}

/** Of slots whose bytes are in another thread's arena. */
const BORROWED: Span = new Span(new Bin(0, 0, 0), { segment: new Segment(0, 0), firstBlock: 0 });

/**
 * In the place of a slot whose object is not known to be collected: the slot itself would keep its segment until then, and one
 * collection would not be enough.
 */
const DISCARDED: Slot = new Slot(BORROWED, 0, 0);
DISCARDED.state = 'discarded';

/**
 * Hands out real memory for one pool and one thread: slots of fixed sizes inside a block, runs of blocks above half a
 * block, a segment of its own for what is larger than a segment.
 *
 * Invariant: bytes that anything can still reach are never handed out twice, except those that the application itself gave
 * back with `free()`.
 */
export class Arena {
  private readonly options: ArenaOptions;
  private readonly blockBytes: number;
  private readonly blockShift: number;
  private readonly segmentBlocks: number;
  private readonly segments: Segments;
  /** Bins of slots smaller than a block, and the index of the smallest that holds a size in units of the alignment. */
  private readonly classes: Bin[];
  private readonly classOf: Uint8Array;
  private readonly classBytesMax: number;
  /** Bins of whole blocks, by the number of blocks. */
  private readonly runs: (Bin | undefined)[] = Array.from({ length: RUNS_LISTED });
  private readonly bigRuns = new Map<number, Bin>();
  private readonly slots: (Slot | undefined)[] = [];
  private readonly freeIndexes: number[] = [];
  /** Slots that another thread has. */
  private lent: LentSlot[] = [];
  /** In slots that are out. */
  private busyBytes = 0;
  /** The most of it since the last `decay`. */
  private busyPeakBytes = 0;
  /** In slots that came back since idle spans were last returned to their segments. */
  private returnedBytes = 0;
  /** Of each slot's own buffer, with the slot's ticket: the slot itself would keep its buffer alive through its view. */
  private readonly unreachable: FinalizationRegistry<number>;
  private carved = 0;

  constructor(options: ArenaOptions) {
    const { blockBytes, limitBytes } = options;
    this.options = options;
    this.blockBytes = blockBytes;
    this.blockShift = Math.log2(blockBytes);
    this.segmentBlocks = Math.ceil(Math.max(blockBytes, Math.min(SEGMENT_BYTES, limitBytes())) / blockBytes);
    this.segments = new Segments(blockBytes, this.segmentBlocks, options.onHeldChange);
    const classes = sizeClasses(blockBytes);
    this.classes = classes.map((size) => new Bin(size, 1, Math.floor(blockBytes / size)));
    this.classOf = classTable(classes);
    this.classBytesMax = classes.at(-1) ?? 0;
    this.unreachable = makeFinalizers<Arena>(this, (arena, ticket) => arena.onUnreachable(ticket));
  }

  /** Memory held from the system. */
  get heldBytes(): number {
    return this.segments.heldBytes;
  }

  slot(index: number): Slot | undefined {
    return this.slots[index];
  }

  /**
   * Takes a slot for `size` bytes (not 0). The caller sets its `record`, checks its poison, and takes its `view` if that is
   * of the right length, or else has one made.
   *
   * @returns `undefined` when the system has no memory, or a Buffer cannot be that long.
   */
  takeSlot(size: number): Slot | undefined {
    const bin = this.binFor(size);
    const slot = bin.idle.pop() ?? this.carve(bin);
    if (slot === undefined) return undefined;
    this.busyBytes += bin.slotBytes;
    if (this.busyBytes > this.busyPeakBytes) this.busyPeakBytes = this.busyBytes;
    slot.span.busy += 1;
    return slot;
  }

  /** A view over a taken slot's own object; a slot that is new, or whose object nobody could reach any more, gets one first. */
  makeView(slot: Slot, size: number): Buffer {
    const known = slot.view;
    if (known !== undefined) return Buffer.from(known.buffer, slot.offset, size);
    const own = structuredClone(slot.span.run.segment.shared);
    SlotBuffer.mark(own);
    this.unreachable.register(own, slot.index);
    slot.hasObject = true;
    return Buffer.from(own, slot.offset, size);
  }

  /** @throws MemtoolError `MEMTOOL_WRITE_AFTER_FREE`; the slot is then left out of use, since its writer may write again */
  checkPoison(slot: Slot): void {
    slot.poisoned = false;
    const changed = firstChange(this.bytesOf(slot));
    if (changed < 0) return;
    slot.state = 'quarantined';
    throw new MemtoolError(
      'MEMTOOL_WRITE_AFTER_FREE',
      `Byte ${changed} of an allocation of up to ${slot.span.bin.slotBytes} bytes was written to after it was freed.`,
      { hint: 'Look for a Buffer or subarray that is kept after free(); its holder asked for about that size.' },
    );
  }

  /** Takes a slot back from its holder, with the view that the holder had; without it when nobody can reach its bytes. */
  giveBack(slot: Slot, view: Buffer | undefined): void {
    if (slot.loan !== undefined) return this.endLoan(slot, slot.loan);
    slot.view = view;
    slot.record = IDLE;
    const { span } = slot;
    const { bin } = span;
    span.busy -= 1;
    bin.idle.push(slot);
    this.busyBytes -= bin.slotBytes;
    this.returnedBytes += bin.slotBytes;
    if (this.options.poison) this.fillPoison(slot);
  }

  /** Reuses a slot that is certain to be out of reach. Its next allocation gets an object of its own again. */
  releaseLost(slot: Slot): void {
    slot.state = 'usable';
    slot.isRevoked = false;
    this.giveBack(slot, undefined);
  }

  /** Takes a slot from a holder that may still look at it: it is reused once nobody can. */
  quarantine(slot: Slot, isRevoked: boolean): void {
    slot.isRevoked = isRevoked;
    slot.state = 'quarantined';
  }

  /** A slot's bytes go to another thread, until `isBack` says that they have come back. */
  lend(slot: Slot, view: Buffer, isBack: () => boolean): void {
    if (slot.loan !== undefined) this.forget(slot);
    else {
      slot.state = 'lent';
      // Its view keeps the slot's object alive meanwhile: what others do with the bytes is no business of this thread's finalizers.
      this.lent.push({ slot, view, isBack });
    }
  }

  /** Bytes of another thread's arena, as a slot of this one's. */
  borrow(shared: SharedArrayBuffer, offset: number, size: number, loan: Loan): { slot: Slot; view: Buffer } {
    const slot = new Slot(BORROWED, this.freeIndexes.pop() ?? this.slots.length, offset);
    slot.loan = loan;
    slot.hasObject = true;
    this.slots[slot.index] = slot;
    // An object of its own again: the one that came may be kept by whoever keeps the message.
    const own = structuredClone(shared);
    SlotBuffer.mark(own);
    this.unreachable.register(own, slot.index);
    return { slot, view: Buffer.from(own, offset, size) };
  }

  /** Whether anybody here may still look at bytes of another thread's arena. */
  get isBorrowing(): boolean {
    return this.slots.some((slot) => slot?.loan !== undefined && slot.state !== 'discarded');
  }

  /** To be called every few seconds: what nobody has needed since the last call is given back. */
  decay(): void {
    this.takeBackLent();
    const unneededBytes = this.heldBytes - this.busyPeakBytes;
    this.busyPeakBytes = this.busyBytes;
    if (unneededBytes >= this.segmentBlocks * this.blockBytes) this.shrink(unneededBytes);
  }

  /** Gives everything idle back to the system. @returns bytes given back */
  trim(): number {
    return this.shrink(Infinity);
  }

  /** What `trim` would give back now: segments in which nothing is in use. */
  get idleSegmentBytes(): number {
    const idleBlocks = new Map<Segment, number>();
    for (const { run, bin } of this.idleSpans()) {
      idleBlocks.set(run.segment, (idleBlocks.get(run.segment) ?? 0) + bin.spanBlocks);
    }
    return this.segments.emptyBytes(idleBlocks);
  }

  /** Nobody can reach the object of a slot any more. An idle slot's view keeps it alive, so the slot is out or was discarded. */
  private onUnreachable(index: number): void {
    const slot = this.slots[index];
    if (slot === undefined) return;
    slot.hasObject = false;
    switch (slot.state) {
      case 'usable':
        slot.state = 'lost';
        this.options.onLost(slot);
        break;
      case 'quarantined':
        this.releaseLost(slot);
        break;
      case 'discarded':
        this.freeIndex(index);
        break;
      case 'lost':
      case 'lent':
        break;
    }
  }

  private endLoan(slot: Slot, loan: Loan): void {
    loan.giveBack();
    this.forget(slot);
  }

  private takeBackLent(): void {
    this.lent = this.lent.filter(({ slot, view, isBack }) => {
      if (!isBack()) return true;
      slot.state = 'usable';
      this.giveBack(slot, view);
      return false;
    });
  }

  private binFor(size: number): Bin {
    if (size <= this.classBytesMax) {
      const bin = this.classes[this.classOf[(size + ALIGNMENT_BYTES - 1) >>> ALIGNMENT_SHIFT] ?? 0];
      if (bin !== undefined) return bin;
    }
    const blocks =
      size <= SEGMENT_BYTES ? (size + this.blockBytes - 1) >>> this.blockShift : Math.ceil(size / this.blockBytes);
    return this.runs[blocks] ?? this.bigRuns.get(blocks) ?? this.newRun(blocks);
  }

  private newRun(blocks: number): Bin {
    const run = new Bin(blocks * this.blockBytes, blocks, 1);
    if (blocks < RUNS_LISTED) this.runs[blocks] = run;
    else this.bigRuns.set(blocks, run);
    return run;
  }

  /** Makes another slot, and a span for it if need be. It counts as idle. */
  private carve(bin: Bin): Slot | undefined {
    const span = bin.fresh ?? this.newSpan(bin);
    if (span === undefined) return undefined;
    const index = this.freeIndexes.pop() ?? this.slots.length;
    const slot = new Slot(span, index, span.run.firstBlock * this.blockBytes + span.carved * bin.slotBytes);
    this.slots[index] = slot;
    span.carved += 1;
    bin.fresh = span.carved < bin.slotsPerSpan ? span : undefined;
    return slot;
  }

  private newSpan(bin: Bin): Span | undefined {
    if (bin.slotBytes > constants.MAX_LENGTH + this.blockBytes) return undefined;
    this.takeBackLent();
    let place = this.segments.find(bin.spanBlocks);
    if (
      place === undefined &&
      this.returnedBytes >= Math.max(this.segmentBlocks * this.blockBytes, this.heldBytes / 8)
    ) {
      // What lies idle in other sizes may make room: without this a pool of mixed sizes held 1.8 times what it used.
      this.discardIdle();
      place = this.segments.find(bin.spanBlocks);
    }
    if (place === undefined) {
      const newBytes = Math.max(bin.spanBlocks, this.segmentBlocks) * this.blockBytes;
      const heldBytesMax = this.options.limitBytes();
      this.segments.dropEmpty(this.heldBytes + newBytes - heldBytesMax);
      place = this.segments.make(bin.spanBlocks, heldBytesMax);
    }
    return place && new Span(bin, place);
  }

  /** Returns idle spans to their segments and gives up to `bytesMax` of empty ones back. @returns bytes given back */
  private shrink(bytesMax: number): number {
    this.discardIdle();
    return this.segments.dropEmpty(bytesMax);
  }

  private *bins(): Iterable<Bin> {
    yield* this.classes;
    for (const run of this.runs) if (run !== undefined) yield run;
    yield* this.bigRuns.values();
  }

  private idleSpans(): Set<Span> {
    const spans = new Set<Span>();
    for (const bin of this.bins()) for (const { span } of bin.idle) if (span.busy === 0) spans.add(span);
    return spans;
  }

  private discardIdle(): void {
    for (const bin of this.bins()) this.discardIdleSpans(bin);
    this.returnedBytes = 0;
  }

  /** Gives the spans of which every slot is idle back to their segments. */
  private discardIdleSpans(bin: Bin): void {
    const spans = new Set<Span>();
    const remaining: Slot[] = [];
    for (const slot of bin.idle) {
      if (slot.span.busy > 0) remaining.push(slot);
      else {
        spans.add(slot.span);
        this.forget(slot);
      }
    }
    if (spans.size === 0) return;
    bin.idle = remaining;
    for (const span of spans) {
      if (bin.fresh === span) bin.fresh = undefined;
      this.segments.giveBack(span.run, bin.spanBlocks);
    }
  }

  /** Its index is used again when the finalizer of its object has come, so that none is taken for another's. */
  private forget(slot: Slot): void {
    slot.state = 'discarded';
    slot.view = undefined;
    if (slot.hasObject) this.slots[slot.index] = DISCARDED;
    else this.freeIndex(slot.index);
  }

  private freeIndex(index: number): void {
    this.slots[index] = undefined;
    this.freeIndexes.push(index);
  }

  private bytesOf(slot: Slot): Uint8Array {
    return new Uint8Array(slot.span.run.segment.shared, slot.offset, slot.span.bin.slotBytes);
  }

  private fillPoison(slot: Slot): void {
    fillPoison(this.bytesOf(slot));
    slot.poisoned = true;
  }
}
