import type { Allocator } from './allocator.ts';
import { LiveBuffers } from './live-buffers.ts';
import { checkSize } from './size.ts';

/**
 * Counts what goes through it to another allocator, which may be one of these itself: each counts its own.
 *
 * A subclass may override any of the three calls and call on through `super`, or `counted` to keep a count elsewhere.
 * `reallocate` calls neither `allocate` nor `free`.
 */
export class TrackedAllocator<Bytes extends Uint8Array = Uint8Array> implements Allocator<Bytes> {
  protected readonly underlying: Allocator<Bytes>;
  private readonly live = new LiveBuffers();

  /** @param underlying where the memory comes from; it may hand out longer buffers than asked for: what it hands out counts */
  constructor(underlying: Allocator<Bytes>) {
    this.underlying = underlying;
  }

  get bytesUsed(): number {
    return this.live.bytesUsed;
  }

  allocate(size: number): Bytes {
    checkSize(size, 'The size to allocate');
    const bytes = this.underlying.allocate(size);
    this.counted(this.live.add(bytes, undefined));
    return bytes;
  }

  reallocate(size: number, bytes: Uint8Array): Bytes {
    checkSize(size, 'The size to reallocate to');
    const before = this.live.toReallocate(bytes);
    const sizeBefore = before.size;
    const reallocated = this.underlying.reallocate(size, bytes);
    this.live.remove(before);
    this.counted(this.live.add(reallocated, undefined) - sizeBefore);
    return reallocated;
  }

  free(bytes: Uint8Array): void {
    const live = this.live.toFree(bytes);
    const { size } = live;
    this.underlying.free(bytes);
    this.live.remove(live);
    this.counted(-size);
  }

  /** Called after each change of this allocator's own count. */
  // oxlint-disable-next-line class-methods-use-this -- for subclasses
  protected counted(_changeBytes: number): void {}
}
