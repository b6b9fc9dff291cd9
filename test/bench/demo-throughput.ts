import { MemoryManager } from 'memtool';
import { makeOrders } from '../../src/demo/orders.ts';
import { plainMemory } from '../../src/demo/plain-memory.ts';
import { pooledMemory } from '../../src/demo/pooled-memory.ts';
import { measureThroughput } from '../../src/demo/throughput.ts';
import { median, type BenchRow } from './ratio.ts';

const QUERIES = 60;
const ROUNDS = 11;

/**
 * The demo's engine as the service runs it, with its memory from pools that are shared with other threads, its queries in
 * scopes of a user, and the agent running, against the same engine on plain Buffers.
 */
export async function bench(): Promise<BenchRow[]> {
  const table = makeOrders();
  const memory = new MemoryManager({ name: 'bench' });
  memory.share();
  const pooled = pooledMemory(memory);
  const plain = plainMemory();
  const ratios: number[] = [];
  const on: number[] = [];
  const off: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const offRate = measureThroughput(plain, table, QUERIES);
    const onRate = measureThroughput(pooled, table, QUERIES);
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setImmediate(resolve));
    if (round === 0) continue;
    off.push(offRate);
    on.push(onRate);
    ratios.push(onRate / offRate);
  }
  memory.close();
  const note = `${median(on).toFixed(0)} against ${median(off).toFixed(0)} queries a second, agent running`;
  return [
    {
      work: "the demo's throughput, tracking on",
      baseline: 'tracking off',
      ratio: median(ratios),
      target: { min: 0.99 },
      note,
    },
  ];
}
