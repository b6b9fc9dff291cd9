import type { MemoryAllocation } from './allocation.ts';
import type { Allocator } from './allocator.ts';
import { LiveBuffers, type LiveBuffer } from './live-buffers.ts';
import type { MemoryPool } from './pool.ts';
import type { AllocateOptions } from './pool-options.ts';
import { checkSize } from './size.ts';

/**
 * Memory out of a pool: limited, and with an age and a tag in every report. Its buffers lie over shared memory, aligned to 16
 * bytes; they are not zeroed unless asked (`{ zero: true }`: new ones, and what a growing one gains).
 *
 * A request that the pool refuses throws `MemoryLimitError`. Growing needs room for both sizes while it copies. Shrinking is
 * never refused: without room for a copy, the buffer stays in its place, only shorter, and the pool goes on charging the size
 * that it had.
 *
 * `bytesUsed` counts what was asked for and not freed here, also what a cleanup took from its holder meanwhile. Reallocating
 * that throws `MEMTOOL_REVOKED`; freeing it is fine.
 */
export class PoolAllocator implements Allocator<Uint8Array<SharedArrayBuffer>> {
  readonly pool: MemoryPool;
  private readonly options: AllocateOptions;
  private readonly live = new LiveBuffers<MemoryAllocation | undefined>();

  /** @param options the tag of all its allocations, and whether they are zeroed */
  constructor(pool: MemoryPool, options: AllocateOptions = {}) {
    this.pool = pool;
    this.options = { ...options };
  }

  get bytesUsed(): number {
    return this.live.bytesUsed;
  }

  allocate(size: number): Uint8Array<SharedArrayBuffer> {
    return this.handOut(size, this.pool.allocateOrThrow(size, this.options));
  }

  // Only what was handed out here gets past the check, and that is over shared memory.
  reallocate(size: number, bytes: Uint8Array): Uint8Array<SharedArrayBuffer>;
  reallocate(size: number, bytes: Uint8Array<SharedArrayBuffer>): Uint8Array<SharedArrayBuffer> {
    checkSize(size, 'The size to reallocate to');
    const before = this.live.toReallocate(bytes);
    const from = allocationOf(before);
    // Throws when a cleanup took it.
    const kept = viewOf(from, Math.min(size, before.size));
    if (size === before.size) return bytes;
    const to =
      size > before.size ? this.pool.allocateOrThrow(size, this.options) : this.pool.allocate(size, this.options);
    if (to === undefined) {
      this.live.remove(before);
      before.ticket = undefined;
      return this.handOut(size, from);
    }
    const moved = this.handOut(size, to);
    moved.set(kept);
    this.release(before);
    return moved;
  }

  free(bytes: Uint8Array): void {
    this.release(this.live.toFree(bytes));
  }

  private handOut(size: number, allocation: MemoryAllocation): Uint8Array<SharedArrayBuffer> {
    const view = viewOf(allocation, size);
    this.live.add(view, allocation);
    return view;
  }

  private release(live: LiveBuffer<MemoryAllocation | undefined>): void {
    allocationOf(live).free();
    this.live.remove(live);
    live.ticket = undefined;
  }
}

function allocationOf({ ticket }: LiveBuffer<MemoryAllocation | undefined>): MemoryAllocation {
  if (ticket === undefined) throw new Error('a live buffer without an allocation');
  return ticket;
}

/**
 * A new view of the first `size` bytes. Not the allocation's own Buffer: the pool hands the very same object out again, and
 * then a second `free` of the first owner would free the second's.
 */
function viewOf(allocation: MemoryAllocation, size: number): Uint8Array<SharedArrayBuffer> {
  const { buffer, byteOffset } = allocation.bytes;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pools hold nothing but shared memory; Buffer does not say so
  return new Uint8Array(buffer, byteOffset, size) as Uint8Array<SharedArrayBuffer>;
}
