import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { MemoryManager, type SharedMemory } from 'memtool';
import { median, type BenchRow } from './ratio.ts';
import { reserveFree } from './reserve.ts';

const COUNT = 2_000_000;
const WARM_UPS = 3;
const ROUNDS = 15;

/** Word that counts who is done in this round; behind it, one a worker that counts the rounds it has been sent into. */
const DONE = 0;
const GO = 1;

interface Orders {
  memory: SharedMemory;
  words: Int32Array;
  /** Which of the workers this one is, from 0. */
  index: number;
}

/** Two worker threads that reserve and free in one pool, against one of them alone. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false });
  const words = new Int32Array(new SharedArrayBuffer(64));
  const shared = memory.share();
  const workers = [0, 1].map((index) => {
    const orders: Orders = { memory: shared, words, index };
    return new Worker(new URL(import.meta.url), { workerData: orders });
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const ratios: number[] = [];
  const alone: number[] = [];
  for (let round = 0; round < WARM_UPS + ROUNDS; round += 1) {
    const one = runRound(words, 1);
    const two = runRound(words, 2);
    if (round < WARM_UPS) continue;
    alone.push(one / COUNT);
    ratios.push((2 * one) / two);
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  memory.close();
  return [
    {
      work: 'reserve + free, two threads on one pool',
      baseline: 'one of them alone',
      ratio: median(ratios),
      target: { min: 1.7 },
      note: `throughput; ${median(alone).toFixed(1)} ns alone`,
    },
  ];
}

/** @returns nanoseconds until all had done their part */
function runRound(words: Int32Array, participants: number): number {
  Atomics.store(words, DONE, 0);
  const start = process.hrtime.bigint();
  for (let index = 0; index < participants; index += 1) {
    Atomics.add(words, GO + index, 1);
    Atomics.notify(words, GO + index);
  }
  for (let done = 0; done < participants; done = Atomics.load(words, DONE)) Atomics.wait(words, DONE, done);
  return Number(process.hrtime.bigint() - start);
}

function work({ memory, words, index }: Orders): void {
  const run = reserveFree(MemoryManager.join(memory).pool('query'));
  parentPort?.postMessage('ready');
  for (let round = 0; ; round += 1) {
    Atomics.wait(words, GO + index, round);
    run(COUNT);
    Atomics.add(words, DONE, 1);
    Atomics.notify(words, DONE);
  }
}
if (!isMainThread) work(workerData);
