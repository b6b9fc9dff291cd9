import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import {
  HEADER,
  RECORD_BIRTH,
  RECORD_BYTES,
  RECORD_LABEL,
  RECORD_PLACE,
  RECORDS_AT,
} from '../../src/memory/ledger/layout.ts';
import { openLedger } from '../../src/memory/ledger/reader.ts';
import { codeOf, makeManager, wrong } from './make-manager.ts';

const FIRST_RECORD = RECORDS_AT / RECORD_BYTES;

function makeRecords() {
  const { memory, clock } = makeManager();
  const pool = memory.pool('cache');
  const handles = [100, 20, 3].map((bytes) => pool.reserveOrThrow(bytes, { tag: `tag ${bytes}` }));
  clock.advance(10);
  return {
    memory,
    handles,
    reader: openLedger(memory.ledgerMemory),
    words: new Int32Array(memory.ledgerMemory),
    doubles: new Float64Array(memory.ledgerMemory),
  };
}

describe('a reader', () => {
  test('refuses a ledger of another version, and what is no ledger', () => {
    const { memory, words } = makeRecords();
    words[HEADER.version] = 999;
    expect(codeOf(() => openLedger(memory.ledgerMemory))).toBe('MEMTOOL_LEDGER_VERSION');
    words[HEADER.version] = 0;
    expect(codeOf(() => openLedger(memory.ledgerMemory))).toBe('MEMTOOL_LEDGER_VERSION');
    expect(codeOf(() => openLedger(new SharedArrayBuffer(4096)))).toBe('MEMTOOL_LEDGER_VERSION');
  });

  test.each<[string, (views: { words: Int32Array; doubles: Float64Array }) => void]>([
    ['of a pool that is not there', ({ words }) => (words[(FIRST_RECORD << 3) + RECORD_PLACE] = 200)],
    ['of a negative size', ({ doubles }) => (doubles[FIRST_RECORD << 2] = -1)],
    ['of a size that is no number', ({ doubles }) => (doubles[FIRST_RECORD << 2] = NaN)],
    ['of a size beyond all memory', ({ doubles }) => (doubles[FIRST_RECORD << 2] = 1e300)],
    ['born in the future', ({ words }) => (words[(FIRST_RECORD << 3) + RECORD_BIRTH] = 1000)],
  ])('drops a row %s, and keeps the others', (_, corrupt) => {
    const { reader, words, doubles } = makeRecords();
    expect(reader.leaks(5).map(({ bytes }) => bytes)).toEqual([100, 20, 3]);
    corrupt({ words, doubles });
    expect(reader.leaks(5).map(({ bytes }) => bytes)).toEqual([20, 3]);
    expect(reader.consumers('cache', Infinity).map(({ bytes }) => bytes)).toEqual([20, 3]);
    expect(() => reader.pools()).not.toThrow();
  });

  test('shows a row with a label that no text has as one without', () => {
    const { reader, words } = makeRecords();
    words[(FIRST_RECORD << 3) + RECORD_LABEL] = -1;
    expect(reader.leaks(5)[0]).toMatchObject({ tag: null, stack: [], bytes: 100 });
  });

  test('counts the sizes asked for by powers of two, and their sum is the number of allocations', () => {
    const { memory } = makeManager();
    const pool = memory.pool('cache');
    for (const bytes of [0, 1, 2, 3, 4, 1023, 1024]) pool.reserve(bytes);
    const sizes = openLedger(memory.ledgerMemory).sizes('cache');
    expect(sizes.slice(0, 12)).toEqual([1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
    expect(sizes.reduce((sum, count) => sum + count)).toBe(7);
  });

  test('knows nothing of a pool that is not there', () => {
    const { reader } = makeRecords();
    expect(reader.consumers('none', Infinity)).toEqual([]);
    expect(reader.sizes('none')).toEqual([]);
  });

  test('tells the oldest age, and what leaks say is grouped by tag and largest first', () => {
    const { memory, handles } = makeRecords();
    handles[0]?.free();
    memory.pool('cache').reserveOrThrow(50, { tag: 'tag 3' });
    expect(memory.stats().pools[1]).toMatchObject({ live: 3, oldestAgeSeconds: 10 });
    expect(memory.leaks({ ageSeconds: 10 }).leaks).toEqual([]);
    expect(memory.leaks({ ageSeconds: 9 }).leaks).toMatchObject([
      { kind: 'stale', tag: 'tag 20', count: 1, bytes: 20, verdict: 'suspect', oldestAgeSeconds: 10 },
      { kind: 'stale', tag: 'tag 3', count: 1, bytes: 3, youngestAgeSeconds: 10 },
    ]);
  });
});

interface Observation {
  reads: number;
  problems: string[];
}

/** Reads for as long as it is told to, and says what could not be. */
const READING_THREAD = `
const { workerData, parentPort } = require('node:worker_threads');
const reader = openLedger(workerData.shared);
const problems = new Set();
let reads = 0;
while (Atomics.load(workerData.stop, 0) === 0 || reads < 20) {
  try {
    for (const pool of reader.pools()) {
      if (pool.limitBytes !== null && pool.usedBytes > pool.limitBytes) problems.add('used ' + pool.usedBytes + ' of ' + pool.limitBytes);
      if (pool.usedBytes < 0 || pool.peakBytes < pool.usedBytes || pool.frees < 0) problems.add(JSON.stringify(pool));
    }
    for (const leak of reader.leaks(-1)) {
      if (!(leak.bytes >= 0) || leak.count < 1 || leak.pool === null) problems.add(JSON.stringify(leak));
    }
    reader.consumers('cache', 500);
    reader.manager();
  } catch (error) {
    problems.add(String(error));
  }
  reads += 1;
  if (reads === 1) parentPort.postMessage('reading');
}
parentPort.postMessage({ reads, problems: [...problems] });
`;

test('a reader in another thread never throws and never sees more used than the limit, while this one churns', async () => {
  const { memory } = makeManager({ pools: { cache: { limit: 100_000 } } });
  const pool = memory.pool('cache');
  const bundle = buildSync({
    entryPoints: [fileURLToPath(new URL('../../src/memory/ledger/reader.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'reader',
    platform: 'node',
  });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const source = `${bundle.outputFiles[0]?.text}\nconst { openLedger } = reader;\n{${READING_THREAD}}`;
  const worker = new Worker(source, { eval: true, workerData: { shared: memory.ledgerMemory, stop } });
  await once(worker, 'message');
  const held: { free(): void }[] = [];
  for (let round = 0; round < 200_000; round += 1) {
    const one =
      round % 2 === 0
        ? pool.reserve((round * 7919) % 5000, { tag: `tag ${round % 9}` })
        : pool.allocate((round * 104_729) % 3000);
    if (one !== undefined) held.push(one);
    if (one === undefined || held.length > 40) for (const old of held.splice(0, 20)) old.free();
  }
  Atomics.store(stop, 0, 1);
  const [message]: unknown[] = await once(worker, 'message');
  const observation = wrong<Observation>(message);
  expect(observation.problems).toEqual([]);
  expect(observation.reads).toBeGreaterThan(1);
});
