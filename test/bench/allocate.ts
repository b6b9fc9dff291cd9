import { MemPool } from '@thi.ng/malloc';
import { MemoryManager, type MemoryAllocation } from 'memtool';
import { contest, type BenchRow } from './ratio.ts';

const SIZE = 8192;
const LIVE = 1000;

/** One byte is written each time: memory that nobody touches is no use to anybody. */
function pools(memory: MemoryManager): (count: number) => void {
  const pool = memory.pool('query');
  const live: (MemoryAllocation | undefined)[] = Array.from({ length: LIVE });
  let place = 0;
  return (count) => {
    for (let index = 0; index < count; index += 1) {
      place = place + 1 === LIVE ? 0 : place + 1;
      live[place]?.free();
      const allocation = pool.allocate(SIZE, { tag: 'rows' });
      live[place] = allocation;
      if (allocation !== undefined) allocation.bytes[0] = 1;
    }
  };
}

function buffers(): (count: number) => void {
  const live: (Buffer | undefined)[] = Array.from({ length: LIVE });
  let place = 0;
  return (count) => {
    for (let index = 0; index < count; index += 1) {
      place = place + 1 === LIVE ? 0 : place + 1;
      const buffer = Buffer.allocUnsafeSlow(SIZE);
      live[place] = buffer;
      buffer[0] = 1;
    }
  };
}

/** The package's leanest form: an offset into one buffer, no view made. */
function malloc(): (count: number) => void {
  const pool = new MemPool({ size: 64 * 1024 * 1024 });
  const bytes = new Uint8Array(pool.buf);
  const live = new Int32Array(LIVE);
  let place = 0;
  return (count) => {
    for (let index = 0; index < count; index += 1) {
      place = place + 1 === LIVE ? 0 : place + 1;
      const old = live[place] ?? 0;
      if (old !== 0) pool.free(old);
      const address = pool.malloc(SIZE);
      live[place] = address;
      bytes[address] = 1;
    }
  };
}

/** `allocate(8192)` and `free`, a thousand live, against what a program would use instead. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false });
  const work = 'allocate(8192) + free, 1,000 live';
  const cases = [
    { baseline: 'Buffer.allocUnsafeSlow(8192)', target: { min: 20 }, rival: buffers() },
    { baseline: '@thi.ng/malloc', target: { min: 2 }, rival: malloc() },
  ];
  const rows: BenchRow[] = [];
  for (const { baseline, target, rival } of cases) {
    // oxlint-disable-next-line no-await-in-loop
    const result = await contest({ baseline: pools(memory), subject: rival, count: 50_000 });
    const note = `${result.baselineNs.toFixed(0)} ns against ${result.subjectNs.toFixed(0)} ns; times as fast`;
    rows.push({ work, baseline, ratio: result.ratio, target, note });
  }
  memory.close();
  return rows;
}
