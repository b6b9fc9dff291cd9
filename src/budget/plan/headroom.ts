/**
 * What a process takes beside what it holds on purpose: Node.js' code, thread stacks, the young generation, pages of the heap
 * that are not full, what its allocator keeps.
 *
 * RSS less heapUsed and external, after a collection, on Node.js 20, 22, 24 and 26: bare 38 to 40 MiB; with 90 MiB of small
 * objects 69 to 85, with 380 MiB 63 to 110; on 20 and 26 with 1,100 MiB 132 to 152, with 1,200 MiB of Buffers 47 to 53. So 96 MiB and a
 * tenth of the heap leave 20 MiB or more in every case, in which memtool's agent finds room. A worker thread is 8 to 12 MiB
 * more: a component of its own in a plan. An allocator that fragments (glibc's, below a database) may take much more: then
 * the plan says how much.
 */
export const HEADROOM_BASE_BYTES: number = 96 * 1024 ** 2;
export const HEADROOM_HEAP_SHARE = 0.1;

/** @param heapBytes - What lives on the heap */
export function headroomBytesFor(heapBytes: number): number {
  return HEADROOM_BASE_BYTES + Math.ceil(heapBytes * HEADROOM_HEAP_SHARE);
}
