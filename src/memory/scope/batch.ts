import { MemtoolError } from '../../errors.ts';
import type { MemoryAllocation } from '../allocation.ts';
import type { MemoryPool } from '../pool.ts';
import type { ReserveOptions } from '../pool-options.ts';
import { checkSize } from '../size.ts';
import type { MemoryScope } from './scope.ts';

/** What a batch takes from its pool at once. */
const CHUNK_BYTES: number = 64 * 1024;
const ALIGNMENT_BYTES = 16;

/**
 * An arena for what is needed together and goes together: allocations are cut from chunks one after the other, and freed
 * all at once, in one step a chunk, when the batch or its scope ends.
 */
export class Batch {
  private readonly scope: MemoryScope;
  private readonly pool: MemoryPool;
  private chunks: MemoryAllocation[] = [];
  /** The chunk that is cut from. */
  private current: MemoryAllocation | undefined = undefined;
  private offset = 0;
  private isFreed = false;

  private readonly release: () => void;

  /** @param release is told when it was freed @internal */
  constructor(scope: MemoryScope, pool: MemoryPool, release: (batch: Batch) => void) {
    this.scope = scope;
    this.pool = pool;
    this.release = () => release(this);
  }

  /**
   * A Buffer of exactly `bytes`, aligned to 16 and not zeroed. It belongs to the batch: after `free` its bytes may be
   * someone else's.
   *
   * @returns `undefined` when a limit does not allow it
   * @throws MemtoolError `MEMTOOL_INVALID_SIZE`, `MEMTOOL_USE_AFTER_FREE`
   */
  allocate(bytes: number, options: ReserveOptions = {}): Buffer | undefined {
    checkSize(bytes, 'The size to allocate');
    if (this.isFreed) {
      throw new MemtoolError(
        'MEMTOOL_USE_AFTER_FREE',
        `The batch of ${this.scope.kind} ${this.scope.name} was freed.`,
        {
          hint: 'Make a new batch.',
        },
      );
    }
    // What is as large as a chunk has one of its own: what is left of the current one still serves.
    if (bytes >= CHUNK_BYTES) return this.addChunk(bytes, bytes, options)?.bytes;
    // A forced cleanup may have taken the chunk.
    const fits = this.current?.isHeld === true && this.offset + bytes <= this.current.size;
    if (!fits) {
      const chunk = this.addChunk(CHUNK_BYTES, bytes, options);
      if (chunk === undefined) return undefined;
      this.current = chunk;
      this.offset = 0;
    }
    const cut = this.current?.bytes.subarray(this.offset, this.offset + bytes);
    this.offset += Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return cut;
  }

  /** Bytes taken from the pool. */
  get usedBytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + (chunk.isHeld ? chunk.size : 0), 0);
  }

  /** Frees everything. Freeing again does nothing. */
  free(): void {
    this.isFreed = true;
    this.current = undefined;
    for (const chunk of this.chunks.splice(0)) chunk[Symbol.dispose]();
    this.release();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** A chunk of the usual size, or of just what is asked for when the limits leave no more. */
  private addChunk(wantedBytes: number, neededBytes: number, { tag }: ReserveOptions): MemoryAllocation | undefined {
    const options = { scope: this.scope, ...(tag === undefined ? {} : { tag }) };
    const chunk = this.pool.allocate(wantedBytes, options) ?? this.pool.allocate(neededBytes, options);
    if (chunk !== undefined) this.chunks.push(chunk);
    return chunk;
  }
}
