import { MemoryManager, type MemoryReservation } from 'memtool';
import { median, type BenchRow } from './ratio.ts';

const RECORDS = 10_000_000;
const ROUNDS = 7;
const TARGET_MS = 100;

/** `leaks` over ten million live records, all of them old enough to count. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({
    name: 'bench',
    agent: false,
    recordsMax: RECORDS,
    pools: { cache: { limit: '100GB' } },
  });
  const pool = memory.pool('cache');
  const tags = Array.from({ length: 50 }, (_, index) => `tag-${index}`);
  const handles: (MemoryReservation | undefined)[] = [];
  for (let index = 0; index < RECORDS; index += 1)
    handles.push(pool.reserve(index & 0xfff, { tag: tags[(index * 7) % 50] ?? '' }));
  // The clock has whole seconds: two of them make every record older than one.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    found = memory.leaks({ ageSeconds: 0.5 }).totals.count;
    times.push(performance.now() - start);
  }
  memory.close();
  const note = `${median(times).toFixed(0)} ms for ${found} stale of ${handles.length} records in 50 tags`;
  return [
    {
      work: 'leaks over 10 million live records',
      baseline: '100 ms',
      ratio: median(times) / TARGET_MS,
      target: { max: 1 },
      note,
    },
  ];
}
