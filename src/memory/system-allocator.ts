import { MemtoolError } from '../errors.ts';
import { formatBytes } from '../units.ts';
import type { Allocator } from './allocator.ts';
import { LiveBuffers } from './live-buffers.ts';
import { checkSize } from './size.ts';

/** One buffer of the runtime for each allocation. */
abstract class BufferAllocator<Memory extends ArrayBufferLike> implements Allocator<Uint8Array<Memory>> {
  private readonly live = new LiveBuffers();

  get bytesUsed(): number {
    return this.live.bytesUsed;
  }

  allocate(size: number): Uint8Array<Memory> {
    checkSize(size, 'The size to allocate');
    const bytes = this.make(size);
    this.live.add(bytes, undefined);
    return bytes;
  }

  // Only what was handed out here gets past the check, and that has a buffer of this kind.
  reallocate(size: number, bytes: Uint8Array): Uint8Array<Memory>;
  reallocate(size: number, bytes: Uint8Array<Memory>): Uint8Array<Memory> {
    checkSize(size, 'The size to reallocate to');
    const before = this.live.toReallocate(bytes);
    if (bytes.byteLength !== before.size) throw transferred(before.size);
    if (size === before.size) return bytes;
    // Shrinking copies too: a shorter view would keep the whole buffer, and what is counted would not be what is held.
    const copy = this.make(size);
    copy.set(size < before.size ? bytes.subarray(0, size) : bytes);
    this.live.add(copy, undefined);
    this.live.remove(before);
    return copy;
  }

  /**
   * Stops counting it. The garbage collector gives its memory back, once nothing refers to it: detaching the buffer would be
   * quicker, but a write that is still under way reads from where it was.
   */
  free(bytes: Uint8Array): void {
    this.live.remove(this.live.toFree(bytes));
  }

  /** @throws RangeError */
  protected abstract makeBuffer(size: number): Memory;

  private make(size: number): Uint8Array<Memory> {
    try {
      return new Uint8Array(this.makeBuffer(size));
    } catch (cause) {
      throw new MemtoolError('MEMTOOL_OUT_OF_MEMORY', `The system has no buffer of ${formatBytes(size)}.`, {
        hint: 'Ask for less at a time, or give the machine or container more memory.',
        cause,
      });
    }
  }
}

/** Memory from the runtime: each allocation is a zeroed ArrayBuffer of its own, which may be transferred. */
export class SystemAllocator extends BufferAllocator<ArrayBuffer> {
  protected override makeBuffer(size: number): ArrayBuffer {
    return new ArrayBuffer(size);
  }
}

/** As `SystemAllocator`, but of SharedArrayBuffers: posting one to another thread shares it. It is freed where it was made. */
export class SharedAllocator extends BufferAllocator<SharedArrayBuffer> {
  protected override makeBuffer(size: number): SharedArrayBuffer {
    return new SharedArrayBuffer(size);
  }
}

function transferred(size: number): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_USE_AFTER_FREE',
    `The buffer of ${formatBytes(size)} was transferred away and cannot be reallocated.`,
    { hint: 'Free it here, and allocate anew where it went.' },
  );
}
