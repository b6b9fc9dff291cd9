import { LRUCache } from 'lru-cache';
import { MemoryManager } from 'memtool';
import { BoundedCache } from 'memtool/structures';
import { contest, type BenchRow } from './ratio.ts';

const MIB = 1024 ** 2;
const KEYS = 100_000;
const LOOKUPS = 400_000;
const HELD_MAX = 16 * MIB;

/** What a query needs of a database: its settings, prepared statements and a buffer for what comes in. */
class Session {
  readonly settings = { timeZone: 'UTC', searchPath: ['public'], timeoutMs: 30_000 };
  readonly statements = new Map(
    Array.from({ length: 40 }, (_, id) => [`statement ${id}`, { id, columns: ['a', 'b'] }]),
  );
  readonly input = Buffer.alloc(16 * 1024);
}

/** Bytes that V8 and its buffers hold once garbage is gone. */
function heldBytes(): number {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What it holds more because of what `make` returns. */
function heldBy(make: () => unknown): number {
  const before = heldBytes();
  const held = make();
  const bytes = heldBytes() - before;
  if (held === undefined) throw new Error('it holds nothing');
  return bytes;
}

/** The same random numbers in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Keys as caches see them: few that are asked for often, and very many now and then. */
function skewedKeys(): Uint32Array {
  const next = random(1);
  return Uint32Array.from({ length: LOOKUPS }, () => Math.floor(KEYS ** next()));
}

function order(id: number): string {
  const items = Array.from({ length: 12 }, (_, line) => ({
    line,
    product: `product ${(id * line) % 977}`,
    price: line * 1.5,
  }));
  return JSON.stringify({ id, customer: `customer ${id % 1000}`, status: 'shipped', items });
}

interface Stored {
  get(key: number): string | undefined;
  set(key: number, value: string): unknown;
}

/** As a program uses a cache: what is not found is made and kept. @returns the share that was found */
function use(cache: Stored, keys: Uint32Array): number {
  let hits = 0;
  for (const key of keys) {
    if (cache.get(key) !== undefined) hits += 1;
    else cache.set(key, order(key));
  }
  return hits / keys.length;
}

function thousandSessions(): Session[] {
  return Array.from({ length: 1000 }, () => new Session());
}

async function sessionRows(memory: MemoryManager): Promise<BenchRow[]> {
  const shared = (): unknown[] => Array.from({ length: 1000 }, () => memory.shared('session', () => new Session()));
  const eachBytes = heldBy(thousandSessions);
  const sharedBytes = heldBy(shared);
  const time = await contest({
    subject: (count) => {
      let bytes = 0;
      for (let query = 0; query < count; query += 1) bytes += new Session().input.length;
      if (bytes === 0) throw new Error('nothing was made');
    },
    baseline: (count) => {
      for (let query = 0; query < count; query += 1) memory.shared('session', () => new Session()).release();
    },
    count: 1000,
  });
  return [
    {
      work: '1,000 session objects, bytes held',
      baseline: '1,000 holders of one, by memory.shared()',
      ratio: eachBytes / sharedBytes,
      target: { min: 100 },
      note: `${bytesText(eachBytes)} against ${bytesText(sharedBytes)}`,
    },
    {
      work: 'a session of its own for each query, time',
      baseline: 'memory.shared() and release()',
      ratio: time.ratio,
      target: { min: 100 },
      note: `${time.subjectNs.toFixed(0)} ns against ${time.baselineNs.toFixed(0)} ns`,
    },
  ];
}

function boundRow(memory: MemoryManager, keys: Uint32Array): BenchRow {
  let mapHits = 0;
  let cacheHits = 0;
  const mapBytes = heldBy(() => {
    const map = new Map<number, string>();
    mapHits = use(map, keys);
    return map;
  });
  const cache = new BoundedCache<number, string>({ pool: memory.pool('cache'), maxBytes: HELD_MAX });
  const cacheBytes = heldBy(() => {
    cacheHits = use(cache, keys);
    return cache;
  });
  const note = `${bytesText(cacheBytes)} against ${bytesText(mapBytes)}; it found ${percent(cacheHits)} against ${percent(mapHits)}`;
  cache.close();
  return {
    work: 'BoundedCache of 16 MiB, 400,000 skewed lookups, bytes held',
    baseline: 'a Map',
    ratio: cacheBytes / mapBytes,
    target: { max: 0.5 },
    note,
  };
}

function look(target: { get(key: number): Buffer | undefined }): (count: number) => void {
  return (count) => {
    let found = 0;
    for (let index = 0; index < count; index += 1) if (target.get(1024 + (index % 1024)) !== undefined) found += 1;
    if (found !== count) throw new Error('all of them are there');
  };
}

/** Lookups that find, and then that put in the place of others. */
async function speedRows(memory: MemoryManager): Promise<BenchRow[]> {
  const values = Array.from({ length: 2048 }, (_, id) => Buffer.alloc(256, id));
  const maxBytes = 1024 * 256;
  const plain = new LRUCache<number, Buffer>({ maxSize: maxBytes, sizeCalculation: (value) => value.length });
  const cache = new BoundedCache<number, Buffer>({ pool: memory.pool('cache'), maxBytes });
  const put = (target: { set(key: number, value: Buffer): unknown }) => (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const value = values[index % 2048];
      if (value !== undefined) target.set(index % 2048, value);
    }
  };
  const set = await contest({ baseline: put(plain), subject: put(cache), count: 20_480 });
  const get = await contest({ baseline: look(plain), subject: look(cache), count: 102_400 });
  cache.close();
  const row = (work: string, result: typeof set, max: number): BenchRow => ({
    work,
    baseline: 'bare lru-cache',
    ratio: result.ratio,
    target: { max },
    note: `${result.subjectNs.toFixed(0)} ns against ${result.baselineNs.toFixed(0)} ns`,
  });
  return [row('BoundedCache.get that finds', get, 1.5), row('BoundedCache.set that evicts one', set, 3)];
}

/** A page of rows, 5 KiB of JSON. */
function page(number: number): string {
  return JSON.stringify(Array.from({ length: 8 }, (_, row) => JSON.parse(order(8 * number + row))));
}

interface CompressionRun {
  hits: number;
  entries: number;
  savedBytes: number;
}

async function compressionRun(memory: MemoryManager, keys: Uint32Array, compress: boolean): Promise<CompressionRun> {
  const cache = new BoundedCache<number, string>({ pool: memory.pool('cache'), maxBytes: HELD_MAX / 4, compress });
  let hits = 0;
  for (const key of keys) {
    if (cache.get(key) !== undefined) {
      hits += 1;
      continue;
    }
    cache.set(key, page(key));
    // What comes in is not more than can be compressed.
    do {
      // oxlint-disable-next-line no-await-in-loop -- a turn of the event loop for each miss, as a server has
      await new Promise((resolve) => setImmediate(resolve));
    } while (cache.workBytes > 0);
  }
  const { size: entries, savedBytes } = cache;
  cache.close();
  return { hits: hits / keys.length, entries, savedBytes };
}

async function compressionRow(memory: MemoryManager, keys: Uint32Array): Promise<BenchRow> {
  const few = keys.subarray(0, 30_000);
  const without = await compressionRun(memory, few, false);
  const compressed = await compressionRun(memory, few, true);
  return {
    work: 'entries in 4 MiB with compress, pages of JSON rows',
    baseline: 'without',
    ratio: compressed.entries / without.entries,
    target: { min: 2 },
    note:
      `${compressed.entries} against ${without.entries}, ${bytesText(compressed.savedBytes)} saved; ` +
      `it found ${percent(compressed.hits)} against ${percent(without.hits)}`,
  };
}

/** What each get of a compressed entry costs more, and each set whose entry is then compressed in the background. */
async function unpackingRow(memory: MemoryManager): Promise<BenchRow> {
  const cache = new BoundedCache<number, string>({
    pool: memory.pool('cache'),
    maxBytes: HELD_MAX,
    compress: { hotShare: 0 },
  });
  const pages = Array.from({ length: 100 }, (_, number) => page(number));
  for (const [number, text] of pages.entries()) cache.set(number, text);
  do {
    // oxlint-disable-next-line no-await-in-loop -- until all of them are compressed
    await new Promise((resolve) => setImmediate(resolve));
  } while (cache.workBytes > 0);
  const text = pages[0] ?? '';
  const result = await contest({
    baseline: (count) => {
      for (let index = 0; index < count; index += 1) JSON.parse(text);
    },
    // `peek`, as after `get` it would not be compressed any more.
    subject: (count) => {
      for (let index = 0; index < count; index += 1) cache.peek(index % 100);
    },
    count: 200,
  });
  cache.close();
  return {
    work: 'decompressing an entry of 5 KiB',
    baseline: 'JSON.parse of the same',
    ratio: result.ratio,
    target: { max: 2 },
    note: `${(result.subjectNs / 1000).toFixed(0)} us against ${(result.baselineNs / 1000).toFixed(0)} us`,
  };
}

function bytesText(bytes: number): string {
  return bytes >= MIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / 1024).toFixed(0)} KiB`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** What is held, and for how long it takes: before against after. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false });
  const keys = skewedKeys();
  return [
    ...(await sessionRows(memory)),
    boundRow(memory, keys),
    ...(await speedRows(memory)),
    await compressionRow(memory, keys),
    await unpackingRow(memory),
  ];
}
