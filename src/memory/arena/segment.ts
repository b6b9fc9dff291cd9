/**
 * A stretch of shared memory that is handed out in runs of blocks. Slots do not hold this buffer but an object of their own
 * over the same memory (slot.ts).
 */
export class Segment {
  readonly shared: SharedArrayBuffer;
  readonly blocks: number;
  freeBlocks: number;
  /** One byte a block, 1 when it is taken. */
  private readonly taken: Uint8Array;
  /** No free run is longer than this: what a failed search has learnt, until something is given back. */
  private longestRun: number;

  /** @throws RangeError when the system has no memory. */
  constructor(blocks: number, blockBytes: number) {
    this.shared = new SharedArrayBuffer(blocks * blockBytes);
    this.blocks = blocks;
    this.freeBlocks = blocks;
    this.longestRun = blocks;
    this.taken = new Uint8Array(blocks);
  }

  /** Whether a run of this length may be free; `takeRun` finds out. */
  mayHold(blocks: number): boolean {
    return blocks <= this.longestRun && blocks <= this.freeBlocks;
  }

  /** First fit. @returns the first block of the run, or -1 */
  takeRun(blocks: number): number {
    if (!this.mayHold(blocks)) return -1;
    let run = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      run = this.taken[block] === 0 ? run + 1 : 0;
      if (run < blocks) continue;
      const first = block - blocks + 1;
      this.taken.fill(1, first, block + 1);
      this.freeBlocks -= blocks;
      return first;
    }
    this.longestRun = blocks - 1;
    return -1;
  }

  giveBack(first: number, blocks: number): void {
    this.taken.fill(0, first, first + blocks);
    this.freeBlocks += blocks;
    this.longestRun = this.freeBlocks;
  }
}
