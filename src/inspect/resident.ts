import type { ResidentMemory, ResidentRow } from '../report/resident.ts';
import type { WorkersMemory } from '../report/stats.ts';
import type { MappedMemory } from './memory-map.ts';

/** What is known of a process from inside; `null` where nobody inside could be asked. */
export interface InsideFigures {
  heapUsedBytes: number | null;
  arrayBuffersBytes: number | null;
  memtoolBytes: number | null;
  workers?: Pick<WorkersMemory, 'heapUsedBytes' | 'arrayBuffersBytes'>;
}

/**
 * Where the resident memory goes, in rows that add up to it. What the process knows of itself is taken out of the mappings
 * that it lies in, and never more than they hold: array buffers that were never written to are not resident.
 *
 * @param isNode of another program the addresses of V8 mean nothing
 */
export function reconcile(map: MappedMemory, inside: InsideFigures, isNode: boolean): ResidentMemory {
  const v8Bytes = isNode ? map.v8Bytes : 0;
  const elsewhereBytes = map.rssBytes - map.fileBytes - map.stackBytes - v8Bytes;
  const heapsUsedBytes = (inside.heapUsedBytes ?? 0) + (inside.workers?.heapUsedBytes ?? 0);
  // The agent's heap and the ledgers are among V8's pages; what it has from malloc is not, and the application's heaps stay whole.
  const ownBytes = isNode ? (inside.memtoolBytes ?? 0) : 0;
  const ownV8Bytes = Math.min(ownBytes, Math.max(0, v8Bytes - heapsUsedBytes));
  const ownElsewhereBytes = Math.min(ownBytes - ownV8Bytes, elsewhereBytes);
  const countedBytes = (inside.arrayBuffersBytes ?? 0) + (inside.workers?.arrayBuffersBytes ?? 0);
  const buffersBytes = Math.min(countedBytes, elsewhereBytes - ownElsewhereBytes);
  const rows: ResidentRow[] = [
    { name: 'js-heap', bytes: v8Bytes - ownV8Bytes, growthBytes: null },
    { name: 'array-buffers', bytes: buffersBytes, growthBytes: null },
    { name: 'memtool', bytes: ownV8Bytes + ownElsewhereBytes, growthBytes: null },
    { name: 'thread-stacks', bytes: map.stackBytes, growthBytes: null },
    { name: 'code-and-files', bytes: map.fileBytes, growthBytes: null },
    { name: 'native', bytes: elsewhereBytes - ownElsewhereBytes - buffersBytes, growthBytes: null },
  ];
  const isKnown = (name: ResidentRow['name']): boolean =>
    (isNode || name !== 'js-heap') &&
    (inside.arrayBuffersBytes !== null || inside.workers !== undefined || name !== 'array-buffers') &&
    (inside.memtoolBytes !== null || name !== 'memtool');
  return { rssBytes: map.rssBytes, rows: rows.filter(({ name }) => isKnown(name)) };
}
