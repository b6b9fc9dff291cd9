import { MemoryManager } from 'memtool';
import { contest, median, type BenchRow } from './ratio.ts';
import { atomicPair, reserveFree } from './reserve.ts';

const OPENINGS = 20_000;
const ROUNDS = 9;
const TARGET_NS = 2000;

/** In a query of a transaction of a user: four accounts to charge, the pool's and three above. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false });
  const subject = reserveFree(memory.pool('query'));
  const inScope = await memory.query('q-17', { user: 'ana', transaction: 't-3', limit: '10MB' }, () =>
    contest({ baseline: atomicPair, subject, count: 1_000_000 }),
  );
  const openings: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let index = 0; index < OPENINGS; index += 1) memory.query('q-17', { user: 'ana' }, () => index);
    openings.push(Number(process.hrtime.bigint() - start) / OPENINGS);
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setImmediate(resolve));
  }
  memory.close();
  const opening = median(openings);
  return [
    {
      work: 'reserve + free in a query scope, three levels deep',
      baseline: 'Atomics.add + Atomics.sub',
      ratio: inScope.ratio,
      target: { max: 2.2 },
      note: `${inScope.subjectNs.toFixed(1)} ns against ${inScope.baselineNs.toFixed(1)} ns`,
    },
    {
      work: 'opening and closing a query scope',
      baseline: '2 microseconds',
      ratio: opening / TARGET_NS,
      target: { max: 1 },
      note: `${opening.toFixed(0)} ns`,
    },
  ];
}
