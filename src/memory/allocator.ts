/**
 * Hands out memory as bytes, counts what is out, and takes it back: the three calls of Apache Arrow's allocators. All of
 * memtool's are one, and so is any object with these four members: each may lie over another.
 *
 * Memory is a plain `Uint8Array` of exactly the length asked for: what Arrow builds its vectors on and what every interface
 * takes that takes bytes. It is not a `Buffer`, whose `slice` and `toString` differ. That very object stands for the
 * memory: only it can be reallocated and freed, not a subarray or another view of the same bytes. So a second `free` is
 * always found, even if the same memory has gone to someone else since. An allocator hands out a new object each time.
 *
 * What the bytes of a new buffer, or those that a growing one gains, contain is up to the allocator.
 *
 * When it throws, nothing has changed:
 *
 * - `MEMTOOL_INVALID_SIZE`: NaN, negative, a fraction, above 2^53 - 1, not a number
 * - `MEMTOOL_FOREIGN_BUFFER`: it was never handed out here, or it is a part or another view of what was
 * - `MEMTOOL_DOUBLE_FREE`: it was freed before, or reallocated, which frees it
 * - `MEMTOOL_USE_AFTER_FREE`: reallocating what was freed, or what was transferred to another thread
 * - `MEMTOOL_OUT_OF_MEMORY`: the system has none, or no buffer can be that long
 * - `MEMTOOL_LIMIT` (a `MemoryLimitError`): a pool refused
 */
export interface Allocator<Bytes extends Uint8Array = Uint8Array> {
  /** Hands out `size` bytes. 0 gives an empty buffer, which is to be freed like any other. */
  allocate(size: number): Bytes;

  /**
   * Makes it `size` bytes long: contents survive up to the smaller of both sizes.
   *
   * @returns the very same object when the size is the same; else another, and `bytes` is freed
   */
  reallocate(size: number, bytes: Uint8Array): Bytes;

  /** Takes memory back. */
  free(bytes: Uint8Array): void;

  /**
   * Bytes handed out and not freed. What is forgotten without `free` stays counted, even once the garbage collector has
   * taken it: it is how a missing `free` shows.
   */
  readonly bytesUsed: number;
}
