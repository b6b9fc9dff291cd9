import { MemoryManager, type MemoryPool, type MemoryReservation } from 'memtool';
import { contest, type BenchRow } from './ratio.ts';

const LIVE = 1024;
const counter = new Int32Array(new SharedArrayBuffer(64));

/** The yardstick: what two uncontended atomic instructions cost on this machine. */
export function atomicPair(count: number): void {
  for (let index = 0; index < count; index += 1) {
    Atomics.add(counter, 0, 1);
    Atomics.sub(counter, 0, 1);
  }
}

/** At once: the next one finds the record of the last. */
export function reserveFree(pool: MemoryPool): (count: number) => void {
  return (count) => {
    for (let index = 0; index < count; index += 1) pool.reserve(4096, { tag: 'profile-rows' })?.free();
  };
}

function reserveFifo(pool: MemoryPool): (count: number) => void {
  const live: (MemoryReservation | undefined)[] = Array.from({ length: LIVE });
  return (count) => {
    for (let index = 0; index < count; index += 1) {
      const place = index & (LIVE - 1);
      live[place]?.free();
      live[place] = pool.reserve(4096, { tag: 'profile-rows' });
    }
  };
}

/** `reserve` and `free`, with record, age and tag, on one thread. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false });
  const baseline = 'Atomics.add + Atomics.sub';
  const cases = [
    { work: 'reserve + free at once', target: { max: 1 }, subject: reserveFree(memory.pool('cache')) },
    {
      work: 'reserve + free, 1,024 live, first in first out',
      target: { max: 1.4 },
      subject: reserveFifo(memory.pool('query')),
    },
  ];
  const rows: BenchRow[] = [];
  for (const { work, target, subject } of cases) {
    // oxlint-disable-next-line no-await-in-loop
    const result = await contest({ baseline: atomicPair, subject, count: 2_000_000 });
    rows.push({
      work,
      baseline,
      ratio: result.ratio,
      target,
      note: `${result.subjectNs.toFixed(1)} ns against ${result.baselineNs.toFixed(1)} ns`,
    });
  }
  memory.close();
  return rows;
}
