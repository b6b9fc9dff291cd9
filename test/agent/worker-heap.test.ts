import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { History } from '../../src/agent/history.ts';
import type { WorkerHeapsReading } from '../../src/agent/probes/worker-heaps.ts';
import {
  readTitle,
  readWorkerHeap,
  WORKER_HEAP_EXPRESSION,
  workerName,
  type WorkerHeap,
} from '../../src/agent/worker-heap.ts';
import { WorkerRows } from '../../src/agent/worker-rows.ts';
import type { Unavailable } from '../../src/report/document.ts';

const MIB = 1024 * 1024;

function heap(threadId: number, oldUsedMib: number, oldLimitMib: number): WorkerHeap {
  return {
    worker: { threadId, name: null },
    oldUsedBytes: oldUsedMib * MIB,
    oldLimitBytes: oldLimitMib * MIB,
    heapUsedBytes: (oldUsedMib + 1) * MIB,
    reservedBytes: (oldUsedMib + 2) * MIB,
    externalBytes: 3 * MIB,
    arrayBuffersBytes: 2 * MIB,
  };
}

function rowsOf(reading: WorkerHeapsReading): { rows: WorkerRows; unavailable: Unavailable } {
  const unavailable: Unavailable = {};
  return { rows: new WorkerRows(reading, new History(), unavailable), unavailable };
}

test.each([
  ['[worker 3] query-runner', 'worker 3 (query-runner)'],
  ['[worker 12] a] b (c)', 'worker 12 (a] b (c))'],
  ['[worker 5]', 'worker 5'],
  ['[worker 5] ', 'worker 5'],
  // What 24 and 26 say of one without a name.
  ['[worker 1] WorkerThread', 'worker 1'],
  [`[worker 2] ${'x'.repeat(500)}`, `worker 2 (${'x'.repeat(40)})`],
])('the inspector`s %j is called %s', (title, name) => {
  const worker = readTitle(title);
  expect(worker && workerName(worker)).toBe(name);
});

test('what is not the title of a worker thread is none', () => {
  expect([readTitle(''), readTitle('node[1234]'), readTitle('Worker 3')]).toEqual([undefined, undefined, undefined]);
});

test('an answer that is not six figures is none', () => {
  const worker = { threadId: 1, name: null };
  for (const value of [undefined, null, {}, [], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, Number.NaN], ['1', 2, 3, 4, 5, 6]])
    expect(readWorkerHeap(worker, value)).toBeUndefined();
  expect(readWorkerHeap(worker, [1, 2, 3, 4, 5, 6])).toMatchObject({ oldUsedBytes: 1, arrayBuffersBytes: 6 });
});

test.each([
  [{ maxOldGenerationSizeMb: 64 }],
  [{ maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 }],
  [{ maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 32 }],
])(
  'the expression gives the limit of the old generation, and not that of the whole heap: %j',
  async (resourceLimits) => {
    const code = `require('node:worker_threads').parentPort.postMessage(${WORKER_HEAP_EXPRESSION})`;
    const worker = new Worker(code, { eval: true, resourceLimits });
    const value = await new Promise((resolve) => worker.once('message', resolve));
    const read = readWorkerHeap({ threadId: worker.threadId, name: null }, value);
    expect(read?.oldLimitBytes).toBe(64 * MIB);
    expect(read?.oldUsedBytes).toBeGreaterThan(MIB);
    expect(read?.oldUsedBytes).toBeLessThan(read?.heapUsedBytes ?? 0);
    expect(read?.reservedBytes).toBeGreaterThan(MIB);
  },
);

test('where the globals are not those of Node.js the expression throws, and nothing else', () => {
  expect(() => void runInNewContext(WORKER_HEAP_EXPRESSION, {})).toThrow('process is not defined');
});

test('stats: largest first, against the limit that each has, and their totals', () => {
  const { rows, unavailable } = rowsOf({
    kind: 'read',
    heaps: [heap(2, 10, 4096), heap(3, 55, 64), heap(4, 30, 4096)],
    silent: [],
  });
  expect(rows.pools()).toMatchObject([
    { kind: 'heap-space', name: 'worker 3', threadId: 3, usedBytes: 55 * MIB, limitBytes: 64 * MIB, level: 'warning' },
    { name: 'worker 4', threadId: 4, level: 'normal' },
    { name: 'worker 2', threadId: 2, peakBytes: 10 * MIB, reservedBytes: 12 * MIB },
  ]);
  expect(rows.totals()).toEqual({
    count: 3,
    heapUsedBytes: 98 * MIB,
    externalBytes: 9 * MIB,
    arrayBuffersBytes: 6 * MIB,
  });
  expect(unavailable).toEqual({});
});

test('of hundreds 64 are named and the rest is one row; in pressure the small one that is nearly full is named first', () => {
  const heaps = Array.from({ length: 200 }, (_, index) => heap(index + 2, 20, 4096));
  const { rows } = rowsOf({ kind: 'read', heaps: [...heaps, heap(500, 8, 9)], silent: [] });
  const pools = rows.pools();
  expect(pools).toHaveLength(65);
  expect(pools.at(-1)).toMatchObject({ name: '137 more workers', threadId: null, limitBytes: null });
  expect(pools.reduce((sum, { usedBytes }) => sum + usedBytes, 0)).toBe((200 * 20 + 8) * MIB);
  const resources = rows.resources();
  expect(resources).toHaveLength(65);
  expect(resources[0]).toMatchObject({ kind: 'heap', name: 'worker 500', threadId: 500, level: 'warning' });
  expect(resources.at(-1)).toMatchObject({ name: '137 more workers', threadId: null, usedPercent: null });
});

test('what could not be read has its reason, and many of them are few lines', () => {
  expect(rowsOf({ kind: 'unavailable', reason: 'main thread is inside a native call' }).unavailable).toEqual({
    'worker heaps': 'main thread is inside a native call',
  });
  const silent = Array.from({ length: 20 }, (_, index) => ({ threadId: index + 2, name: null }));
  const { rows, unavailable } = rowsOf({ kind: 'read', heaps: [], silent });
  expect(Object.keys(unavailable)).toHaveLength(9);
  expect(unavailable).toMatchObject({
    'heap of worker 2': expect.stringContaining('native call'),
    'heaps of 12 more workers': expect.stringContaining('native call'),
  });
  expect(rows.totals()).toBeUndefined();
});
