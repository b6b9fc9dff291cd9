import { Segment } from './segment.ts';

/** How many segments with room are searched before a new one is made: bounds the search, at some fragmentation. */
const SEGMENTS_SEARCHED = 32;

/** A run of blocks in a segment. */
export interface Run {
  segment: Segment;
  firstBlock: number;
}

/** All segments of an arena: where runs of blocks come from, and what is held from the system. */
export class Segments {
  private readonly blockBytes: number;
  /** Of an ordinary segment; what is larger gets a segment of its own, which serves anything once it is empty. */
  private readonly segmentBlocks: number;
  private readonly onHeldChange: (heldBytes: number) => void;
  private readonly all = new Set<Segment>();
  /** Those with free blocks. */
  private readonly roomy = new Set<Segment>();
  /**
   * Empty ones that are not held any more, until they are collected. V8 counts no shared memory, so where the heap is small that
   * takes hours, in which they take up memory for nothing: those that are there still are used again before any is made. Without
   * this the demo grew by 70 MiB a minute, to 1.1 GiB in a quarter of an hour with 160 MiB held; and what a collection then
   * freed, glibc kept (malloc_stats: 1.3 GB from the system, 230 MB in use).
   */
  private dropped: WeakRef<Segment>[] = [];
  private held = 0;

  constructor(blockBytes: number, segmentBlocks: number, onHeldChange: (heldBytes: number) => void) {
    this.blockBytes = blockBytes;
    this.segmentBlocks = segmentBlocks;
    this.onHeldChange = onHeldChange;
  }

  get heldBytes(): number {
    return this.held;
  }

  /** A run of blocks in the segments that there are. */
  find(blocks: number): Run | undefined {
    let searched = 0;
    for (const segment of this.roomy) {
      // Known from an earlier search to be too fragmented: not worth one of this search's steps.
      if (!segment.mayHold(blocks)) continue;
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

  /**
   * A run of blocks in a segment that was not held.
   *
   * @param heldBytesMax no more than this is held then, unless the run itself needs it
   * @returns `undefined` when the system has no memory
   */
  make(blocks: number, heldBytesMax: number): Run | undefined {
    const blocksMin = Math.max(blocks, this.segmentBlocks);
    const roomBlocks = Math.floor((heldBytesMax - this.held) / this.blockBytes);
    const segment =
      this.takeDropped(blocksMin, Math.max(blocksMin, roomBlocks)) ?? makeSegment(blocksMin, this.blockBytes);
    if (segment === undefined) return undefined;
    this.all.add(segment);
    this.changeHeld(segment.blocks);
    const firstBlock = segment.takeRun(blocks);
    if (segment.freeBlocks > 0) this.roomy.add(segment);
    return { segment, firstBlock };
  }

  giveBack({ segment, firstBlock }: Run, blocks: number): void {
    segment.giveBack(firstBlock, blocks);
    this.roomy.add(segment);
  }

  /** Drops empty segments until `bytesMax` are given back or none is left. @returns bytes given back */
  dropEmpty(bytesMax: number): number {
    const before = this.held;
    for (const segment of this.roomy) {
      if (before - this.held >= bytesMax) break;
      if (segment.freeBlocks < segment.blocks) continue;
      this.all.delete(segment);
      this.roomy.delete(segment);
      this.dropped.push(new WeakRef(segment));
      this.changeHeld(-segment.blocks);
    }
    return before - this.held;
  }

  /** Bytes of the segments that would be empty if these blocks were given back too. */
  emptyBytes(idleBlocks: ReadonlyMap<Segment, number>): number {
    let bytes = 0;
    for (const segment of this.all) {
      if (segment.freeBlocks + (idleBlocks.get(segment) ?? 0) === segment.blocks) {
        bytes += segment.blocks * this.blockBytes;
      }
    }
    return bytes;
  }

  /** The smallest that was dropped and has so many blocks. */
  private takeDropped(blocksMin: number, blocksMax: number): Segment | undefined {
    let found: Segment | undefined;
    this.dropped = this.dropped.filter((reference) => {
      const segment = reference.deref();
      if (segment === undefined) return false;
      const fits = segment.blocks >= blocksMin && segment.blocks <= blocksMax;
      if (fits && (found === undefined || segment.blocks < found.blocks)) found = segment;
      return true;
    });
    if (found !== undefined) this.dropped = this.dropped.filter((reference) => reference.deref() !== found);
    return found;
  }

  private changeHeld(blocks: number): void {
    this.held += blocks * this.blockBytes;
    this.onHeldChange(this.held);
  }
}

function makeSegment(blocks: number, blockBytes: number): Segment | undefined {
  try {
    return new Segment(blocks, blockBytes);
  } catch {
    // RangeError: the system has no memory for it. A refusal like any other.
    return undefined;
  }
}
