import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { MemoryManager, type MemoryAllocation } from 'memtool';
import { median, type BenchRow } from './ratio.ts';

const SIZE = 4096;
const LIVE = 20_000;
const OPERATIONS = 400_000;
const ROUNDS = 7;

/** The same workload, a sliding window of 4 KiB pages with their facts, in pools and in Buffers with a Map. */
export async function bench(): Promise<BenchRow[]> {
  const ratios: number[] = [];
  const poolTimes: number[] = [];
  const bufferTimes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // oxlint-disable-next-line no-await-in-loop
    const buffers = await gcTimeMs(inBuffers);
    // oxlint-disable-next-line no-await-in-loop
    const pools = await gcTimeMs(inPools);
    poolTimes.push(pools);
    bufferTimes.push(buffers);
    ratios.push(pools / buffers);
  }
  const note = `${median(poolTimes).toFixed(0)} ms against ${median(bufferTimes).toFixed(0)} ms for ${OPERATIONS} pages, ${LIVE} live`;
  return [
    {
      work: 'garbage collection of a page workload',
      baseline: 'Buffers and a Map',
      ratio: median(ratios),
      target: { max: 0.5 },
      note,
    },
  ];
}

async function inPools(): Promise<void> {
  const memory = new MemoryManager({ name: 'bench', agent: false, pools: { cache: { limit: '1GiB' } } });
  const pool = memory.pool('cache');
  const live: (MemoryAllocation | undefined)[] = Array.from({ length: LIVE });
  for (let index = 0; index < OPERATIONS; index += 1) {
    const place = index % LIVE;
    live[place]?.free();
    const page = pool.allocate(SIZE, { tag: 'page' });
    live[place] = page;
    if (page !== undefined) page.bytes[0] = 1;
    // oxlint-disable-next-line no-await-in-loop
    if (index % 10_000 === 0) await turn();
  }
  for (const page of live) page?.free();
  memory.close();
}

async function inBuffers(): Promise<void> {
  const live = new Map<number, { page: Buffer; size: number; bornMs: number; tag: string }>();
  for (let index = 0; index < OPERATIONS; index += 1) {
    const page = Buffer.allocUnsafeSlow(SIZE);
    live.set(index % LIVE, { page, size: SIZE, bornMs: index, tag: 'page' });
    page[0] = 1;
    // oxlint-disable-next-line no-await-in-loop
    if (index % 10_000 === 0) await turn();
  }
}

async function gcTimeMs(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.();
  let totalMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) totalMs += entry.duration;
  });
  observer.observe({ entryTypes: ['gc'] });
  await turn();
  totalMs = 0;
  await work();
  await turn();
  for (const entry of observer.takeRecords()) totalMs += entry.duration;
  observer.disconnect();
  return totalMs;
}
