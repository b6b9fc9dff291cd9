import { HeapWatch, SAMPLE_BYTES_DEFAULT } from '../../src/heap/heap-watch.ts';
import { median, type BenchRow } from './ratio.ts';

const ROUNDS = 61;
const DOCUMENT = JSON.stringify(
  Array.from({ length: 200 }, (_, id) => ({ id, name: `user ${id}`, tags: ['a', 'b', String(id)] })),
);

interface Tree {
  left?: Tree;
  right?: Tree;
}

function grow(depth: number): Tree {
  return depth === 0 ? {} : { left: grow(depth - 1), right: grow(depth - 1) };
}

/** Allocates about 40 MB, of everything a program allocates: 1.3 GB/s. */
function work(): number {
  let sum = 0;
  for (let round = 0; round < 300; round += 1) {
    const users: { id: number }[] = JSON.parse(DOCUMENT);
    const byName = new Map(users.map((user) => [`user-${user.id}`, { ...user, round }]));
    sum += byName.size + (grow(9).left === undefined ? 0 : 1);
  }
  return sum;
}

function timed(): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/** Throughput of a program that does nothing but allocate, with the sampling heap profiler on and off in turn. */
export async function bench(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (let round = 0; round < 5; round += 1) work();
  for (const kib of [SAMPLE_BYTES_DEFAULT / 1024, 64]) {
    const ratios: number[] = [];
    const off: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const watch = new HeapWatch(kib * 1024);
      const plain = round % 2 === 0 ? timed() : 0;
      watch.start();
      const sampled = timed();
      watch.stop();
      off.push(plain === 0 ? timed() : plain);
      ratios.push((off.at(-1) ?? 0) / sampled);
    }
    rows.push({
      work: `throughput of allocations, one sample every ${kib} KiB`,
      baseline: 'not sampled',
      ratio: median(ratios),
      target: { min: kib === 64 ? 0.9 : 0.98 },
      note: `${median(off).toFixed(1)} ms a round of 40 MB`,
    });
  }
  return rows;
}
