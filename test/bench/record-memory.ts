import { MemoryManager, type MemoryReservation } from 'memtool';
import type { BenchRow } from './ratio.ts';

const RECORDS = 1_000_000;

/** The facts of a record, as a program that keeps them itself would have them. */
interface Entry {
  size: number;
  bornMs: number;
  tag: string;
  pool: string;
  kind: string;
  scope: string | null;
}

/** What a live record costs in the ledger, against the obvious Map of objects with the same facts. */
export async function bench(): Promise<BenchRow[]> {
  const map = new Map<number, Entry>();
  const mapBytes = heapGrowth(() => {
    for (let id = 0; id < RECORDS; id += 1)
      map.set(id, {
        size: id & 0xffff,
        bornMs: Date.now(),
        tag: 'rows',
        pool: 'cache',
        kind: 'reservation',
        scope: null,
      });
  });

  const memory = new MemoryManager({ name: 'bench', agent: false, pools: { cache: { limit: '100GB' } } });
  const pool = memory.pool('cache');
  const handles: (MemoryReservation | undefined)[] = Array.from({ length: RECORDS });
  const before = process.memoryUsage.rss();
  const handleBytes = heapGrowth(() => {
    for (let id = 0; id < RECORDS; id += 1) handles[id] = pool.reserve(id & 0xffff, { tag: 'rows' });
  });
  const rssGrowth = process.memoryUsage.rss() - before;
  // The ledger is no part of the heap: what the process grew by and the heap did not is its records and little else.
  const ledgerBytes = Math.max(0, rssGrowth - handleBytes);
  const perRecord = 32;
  memory.close();
  return [
    {
      work: 'ledger bytes per live record',
      baseline: 'a Map of objects',
      ratio: perRecord / (mapBytes / RECORDS),
      target: { max: 0.2 },
      note: `32 bytes (RSS outside the heap grew by ${(ledgerBytes / RECORDS).toFixed(0)}) against ${(mapBytes / RECORDS).toFixed(0)}; a handle takes ${(handleBytes / RECORDS).toFixed(0)} more on the heap, ${map.size + handles.length} entries`,
    },
  ];
}

function heapGrowth(fill: () => void): number {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  fill();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed - before;
}
