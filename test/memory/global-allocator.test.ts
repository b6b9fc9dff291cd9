import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { globalAllocator } from '../../src/memory/global-allocator.ts';
import { THREAD_COUNTS_BYTES, ThreadCounts } from '../../src/memory/thread-counts.ts';
import { TrackedAllocator } from '../../src/memory/tracked-allocator.ts';
import { codeOf } from './make-manager.ts';

test('there is one in a thread, and others may lie over it', () => {
  const all = globalAllocator();
  expect(globalAllocator()).toBe(all);
  const before = all.bytesUsed;
  const mine = new TrackedAllocator(all);
  const bytes = mine.reallocate(3000, mine.allocate(1000));
  expect([all.bytesUsed - before, all.threadBytesUsed, mine.bytesUsed]).toEqual([3000, 3000, 3000]);
  mine.free(bytes);
  expect([all.bytesUsed - before, all.threadBytesUsed, mine.bytesUsed]).toEqual([0, 0, 0]);
  expect(codeOf(() => all.free(bytes))).toBe('MEMTOOL_DOUBLE_FREE');
  expect(all.bytesUsed).toBe(before);
});

function makeCounts(): ThreadCounts {
  return new ThreadCounts(new SharedArrayBuffer(THREAD_COUNTS_BYTES));
}

test('counts go beyond 4 GiB, and back', () => {
  const counts = makeCounts();
  const [one, two] = [counts.claim(0, undefined), counts.claim(1, 0)];
  for (let times = 0; times < 3; times += 1) counts.add(one, 2 ** 32 - 1);
  counts.add(two, 2 ** 50);
  expect([counts.slotBytes(one), counts.totalBytes]).toEqual([3 * (2 ** 32 - 1), 3 * (2 ** 32 - 1) + 2 ** 50]);
  counts.add(one, -(2 ** 33));
  counts.add(two, -(2 ** 50));
  expect(counts.totalBytes).toBe(3 * (2 ** 32 - 1) - 2 ** 33);
});

test('a thread has one slot however often it asks, and one that ended takes those that it had started with it', () => {
  const counts = makeCounts();
  const slots = [
    counts.claim(0, undefined),
    counts.claim(1, 0),
    counts.claim(2, 1),
    counts.claim(3, 2),
    counts.claim(4, 0),
  ];
  expect(counts.claim(2, undefined)).toBe(slots[2]);
  slots.forEach((slot, thread) => counts.add(slot, 10 ** thread));
  expect(counts.totalBytes).toBe(11_111);
  counts.release(1);
  expect(counts.totalBytes).toBe(10_001);
  counts.release(1);
  expect(counts.totalBytes).toBe(10_001);
  expect(counts.slotBytes(counts.claim(5, 0))).toBe(0);
});

test('threads for which there is no slot left share one, and the total is still exact', () => {
  const counts = makeCounts();
  const slots = Array.from({ length: 600 }, (_, thread) => counts.claim(thread, undefined));
  for (const slot of slots) counts.add(slot, 7);
  expect(counts.totalBytes).toBe(600 * 7);
  counts.release(3);
  expect(counts.totalBytes).toBe(599 * 7);
  expect(counts.claim(700, undefined)).toBe(slots[3]);
});

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'memtool-test-'));
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../src/memory/global-allocator.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: join(directory, 'allocator.cjs'),
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What a program prints as JSON; it and its workers `require('./allocator.cjs')`. */
function run(main: string, worker: string): unknown {
  writeFileSync(join(directory, 'main.cjs'), MAIN + main);
  writeFileSync(join(directory, 'worker.cjs'), worker);
  return JSON.parse(execFileSync(process.execPath, [join(directory, 'main.cjs')], { encoding: 'utf8' }));
}

const MAIN = `
const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const start = (workerData) => new Worker(join(__dirname, 'worker.cjs'), { workerData });
`;

const CHURN = `
const { parentPort, workerData } = require('node:worker_threads');
const { globalAllocator } = require('./allocator.cjs');
const all = globalAllocator();
const live = [];
for (let step = 0; step < 20000; step += 1) {
  if (step % 3 === 2) all.free(live.splice(step % live.length, 1)[0]);
  else live.push(all.allocate(step % 100));
  if (step % 5 === 0) live.push(all.reallocate(step % 70, live.pop()));
}
const held = live.reduce((sum, bytes) => sum + bytes.byteLength, 0);
parentPort.postMessage({ held, own: all.threadBytesUsed });
parentPort.on('message', () => { for (const bytes of live) all.free(bytes); parentPort.postMessage(all.threadBytesUsed); });
`;

test('it counts across threads: the total is the sum of what each holds, to the byte', () => {
  const outcome = run(
    `
    const { globalAllocator } = require('./allocator.cjs');
    (async () => {
      const all = globalAllocator();
      const mine = all.allocate(1000);
      const workers = Array.from({ length: 4 }, () => start());
      const said = (await Promise.all(workers.map((worker) => once(worker, 'message')))).flat();
      const held = said.reduce((sum, { held }) => sum + held, 0);
      const total = all.bytesUsed;
      for (const worker of workers) worker.postMessage('free');
      const after = (await Promise.all(workers.map((worker) => once(worker, 'message')))).flat();
      const left = all.bytesUsed;
      console.log(JSON.stringify({ equal: said.every(({ held, own }) => held === own && held > 1e5), total: total - held, after, left, own: all.threadBytesUsed }));
      process.exit();
    })();`,
    CHURN,
  );
  expect(outcome).toEqual({ equal: true, total: 1000, after: [0, 0, 0, 0], left: 1000, own: 1000 });
});

test('a worker that ends, is terminated or throws, and the workers that it had started, are counted no more', () => {
  const outcome = run(
    `
    const { globalAllocator } = require('./allocator.cjs');
    (async () => {
      const all = globalAllocator();
      const seen = [];
      for (const how of ['exit', 'terminate', 'throw', 'nested']) {
        const worker = start(how);
        worker.on('error', () => {});
        await once(worker, 'message');
        const during = all.bytesUsed;
        const ended = new Promise((resolve) => worker.on('exit', resolve));
        if (how === 'terminate' || how === 'nested') worker.terminate();
        else worker.postMessage(how);
        await ended;
        seen.push([how, during, all.bytesUsed]);
      }
      console.log(JSON.stringify(seen));
    })();`,
    `
    const { parentPort, workerData, Worker } = require('node:worker_threads');
    const { globalAllocator } = require('./allocator.cjs');
    globalThis.held = globalAllocator().allocate(5000);
    parentPort.on('message', (how) => {
      if (how === 'throw') throw new Error('on purpose');
      process.exit();
    });
    if (workerData !== 'nested') parentPort.postMessage('ready');
    else new Worker(__filename, { workerData: 'child' }).on('message', () => parentPort.postMessage('ready'));
    `,
  );
  expect(outcome).toEqual([
    ['exit', 5000, 0],
    ['terminate', 5000, 0],
    ['throw', 5000, 0],
    ['nested', 10_000, 0],
  ]);
});

test('what is allocated in one thread is foreign in another, and changes nothing there', () => {
  const outcome = run(
    `
    const { globalAllocator } = require('./allocator.cjs');
    (async () => {
      const worker = start();
      const [bytes] = await once(worker, 'message');
      let code;
      try { globalAllocator().free(bytes); } catch (error) { code = error.code; }
      console.log(JSON.stringify({ code, length: bytes.byteLength, total: globalAllocator().bytesUsed }));
      process.exit();
    })();`,
    `
    const { parentPort } = require('node:worker_threads');
    const bytes = require('./allocator.cjs').globalAllocator().allocate(100);
    parentPort.postMessage(bytes, [bytes.buffer]);
    setInterval(() => {}, 1000);
    `,
  );
  expect(outcome).toEqual({ code: 'MEMTOOL_FOREIGN_BUFFER', length: 100, total: 100 });
});

test('a worker that was started before memtool was imported counts on its own; importing is enough, no allocation needed', () => {
  const outcome = run(
    `
    (async () => {
      const early = start();
      const { globalAllocator } = require('./allocator.cjs');
      const late = start();
      const said = (await Promise.all([once(early, 'message'), once(late, 'message')])).flat();
      console.log(JSON.stringify({ said, total: globalAllocator().bytesUsed }));
      process.exit();
    })();`,
    `
    const { parentPort } = require('node:worker_threads');
    const all = require('./allocator.cjs').globalAllocator();
    globalThis.held = all.allocate(100);
    parentPort.postMessage(all.threadBytesUsed);
    setInterval(() => {}, 1000);
    `,
  );
  expect(outcome).toEqual({ said: [100, 100], total: 100 });
});
