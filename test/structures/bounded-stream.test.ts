import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { boundedStream } from '../../src/structures/bounded-stream.ts';
import { codeOf, makeManager, poolStats } from '../memory/make-manager.ts';

function makePool(limit: number | string = '1MB') {
  const { memory } = makeManager({ pools: { scan: { limit } } });
  return { memory, pool: memory.pool('scan') };
}

/** Counts what was taken from it, and whether it was closed. */
class Source implements AsyncIterable<Buffer> {
  produced = 0;
  isClosed = false;
  private readonly sizes: readonly number[];

  constructor(sizes: readonly number[]) {
    this.sizes = sizes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (const size of this.sizes) {
        // oxlint-disable-next-line no-await-in-loop -- as a cursor does
        await setImmediate();
        this.produced += 1;
        yield Buffer.alloc(size, this.produced);
      }
    } finally {
      this.isClosed = true;
    }
  }
}

async function settle(turns = 50): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- lets what reads ahead do so
  for (let turn = 0; turn < turns; turn += 1) await setImmediate();
}

async function* scan(): AsyncGenerator<{ id: number; name: string }> {
  for (let id = 0; id < 100_000; id += 1) yield { id, name: `row ${id}` };
}

async function* failing(): AsyncGenerator<string> {
  yield 'a';
  yield 'b';
  throw new RangeError('row 2');
}

function hundred(): number[] {
  return Array.from({ length: 100 }, () => 100);
}

test('a source is read ahead as far as maxBytes allows, and goes on as items are let go', async () => {
  const { pool } = makePool();
  const source = new Source(hundred());
  const stream = boundedStream(source, { pool, maxBytes: 1000, tag: 'rows' });
  await settle();
  expect([source.produced, pool.usedBytes]).toEqual([0, 0]);
  await stream.next();
  await settle();
  expect([source.produced, stream.inFlightBytes, pool.usedBytes]).toEqual([10, 1000, 1000]);
  await stream.next();
  await settle();
  expect([source.produced, pool.usedBytes]).toEqual([11, 1000]);
  let count = 2;
  for await (const _ of stream) {
    count += 1;
    expect(pool.usedBytes).toBeLessThanOrEqual(1000);
  }
  expect([count, pool.usedBytes, source.isClosed]).toEqual([100, 0, true]);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('100,000 rows pass in order with no more than 64 KiB charged at any time', async () => {
  const { memory, pool } = makePool();
  let expected = 0;
  for await (const { id } of boundedStream(scan(), { pool, maxBytes: '64KiB', sizeOf: () => 200, tag: 'rows' })) {
    if (id !== expected) throw new Error(`${id} in the place of ${expected}`);
    expected += 1;
  }
  expect(expected).toBe(100_000);
  expect(poolStats(memory, 'scan').peakBytes).toBeLessThanOrEqual(65_536);
  expect(pool.usedBytes).toBe(0);
});

test('a source that answers at once is asked only for what is asked of it', async () => {
  const { pool } = makePool();
  let produced = 0;
  function* generate() {
    for (; ; produced += 1) yield 'x'.repeat(10);
  }
  for await (const item of boundedStream(generate(), { pool, maxBytes: 1000 })) {
    expect([item.length, pool.usedBytes]).toEqual([10, 10]);
    if (produced === 20) break;
  }
  expect([produced, pool.usedBytes]).toEqual([20, 0]);
});

test('an array of promises gives their values', async () => {
  const { pool } = makePool();
  const got: string[] = [];
  for await (const item of boundedStream([Promise.resolve('a'), 'b'], { pool, maxBytes: 10 })) got.push(await item);
  expect(got).toEqual(['a', 'b']);
});

test('an item above maxBytes passes alone', async () => {
  const { memory, pool } = makePool();
  const source = new Source([100, 100, 5000, 100, 100]);
  const sizes: number[] = [];
  for await (const item of boundedStream(source, { pool, maxBytes: 1000 })) {
    await settle(10);
    sizes.push(item.length);
    if (item.length === 5000) expect(pool.usedBytes).toBe(5000);
  }
  expect(sizes).toEqual([100, 100, 5000, 100, 100]);
  expect([poolStats(memory, 'scan').peakBytes, pool.usedBytes]).toEqual([5000, 0]);
});

test('a large item does not end reading ahead for good', async () => {
  const { pool } = makePool();
  const source = new Source([1000, ...hundred()]);
  const stream = boundedStream(source, { pool, maxBytes: 1000 });
  for (let count = 0; count < 40; count += 1) {
    await stream.next();
    await settle(5);
  }
  await settle();
  expect(stream.inFlightBytes).toBe(1000);
  await stream.return();
});

test('when the pool refuses, the source waits until something is let go', async () => {
  const { pool } = makePool(1000);
  const other = pool.reserveOrThrow(700);
  const source = new Source(hundred());
  const stream = boundedStream(source, { pool, maxBytes: 1000 });
  await stream.next();
  await settle();
  // Three are in flight, a fourth waits to be charged.
  expect([source.produced, pool.usedBytes]).toEqual([4, 1000]);
  other.free();
  let count = 1;
  for await (const _ of stream) count += 1;
  expect([count, pool.usedBytes]).toEqual([100, 0]);
});

test('when the pool refuses and nothing is in flight, the consumer gets a MemoryLimitError, and the source is closed', async () => {
  const { pool } = makePool(1000);
  const other = pool.reserveOrThrow(950, { tag: 'other' });
  const source = new Source(hundred());
  const stream = boundedStream(source, { pool, maxBytes: 1000, tag: 'rows' });
  await expect(stream.next()).rejects.toMatchObject({
    code: 'MEMTOOL_LIMIT',
    message: expect.stringContaining('refused 100 B for rows'),
  });
  await settle();
  expect([source.isClosed, pool.usedBytes]).toEqual([true, 950]);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  other.free();
});

test('break, an error in the loop, return and dispose release everything and close the source', async () => {
  const { pool } = makePool();
  const endings: ((source: Source) => Promise<void>)[] = [
    async (source) => {
      for await (const _ of boundedStream(source, { pool, maxBytes: 1000 })) break;
    },
    async (source) => {
      const iterate = async (): Promise<void> => {
        for await (const _ of boundedStream(source, { pool, maxBytes: 1000 })) throw new RangeError('mine');
      };
      await expect(iterate()).rejects.toThrow(RangeError);
    },
    async (source) => {
      const stream = boundedStream(source, { pool, maxBytes: 1000 });
      await stream.next();
      await settle();
      await stream.return();
    },
    async (source) => {
      await using stream = boundedStream(source, { pool, maxBytes: 1000 });
      await stream.next();
    },
    async (source) => {
      const stream = boundedStream(source, { pool, maxBytes: 1000 });
      await stream.next();
      await expect(stream.throw(new RangeError('mine'))).rejects.toThrow(RangeError);
    },
  ];
  for (const end of endings) {
    const source = new Source(hundred());
    // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
    await end(source);
    expect([source.isClosed, pool.usedBytes]).toEqual([true, 0]);
  }
});

test('an abort gives the consumer its reason at once, although the source does not answer', async () => {
  const { pool } = makePool();
  const controller = new AbortController();
  let isClosed = false;
  const stuck: AsyncIterable<Buffer> = {
    [Symbol.asyncIterator]() {
      let first = true;
      return {
        next: async () => {
          if (!first) return new Promise<never>(() => {});
          first = false;
          return { done: false, value: Buffer.alloc(100) };
        },
        return: async () => {
          isClosed = true;
          throw new Error('of nobody');
        },
      };
    },
  };
  const stream = boundedStream(stuck, { pool, maxBytes: 1000, signal: controller.signal });
  await stream.next();
  const pending = stream.next();
  controller.abort(new RangeError('enough'));
  await expect(pending).rejects.toThrow('enough');
  expect([isClosed, pool.usedBytes]).toEqual([true, 0]);
  expect((await stream.next()).done).toBe(true);
});

test('an abort while nobody waits is told to the next that asks; one before the start asks nothing of the source', async () => {
  const { pool } = makePool();
  const controller = new AbortController();
  const { signal } = controller;
  const stream = boundedStream(new Source(hundred()), { pool, maxBytes: 1000, signal });
  await stream.next();
  await settle();
  controller.abort();
  expect(pool.usedBytes).toBe(0);
  await expect(stream.next()).rejects.toMatchObject({ name: 'AbortError' });
  const source = new Source(hundred());
  await expect(boundedStream(source, { pool, maxBytes: 1000, signal }).next()).rejects.toMatchObject({
    name: 'AbortError',
  });
  expect([source.produced, pool.usedBytes]).toEqual([0, 0]);
});

test('an abort after the source had no more still drops what is in flight', async () => {
  const { pool } = makePool();
  const controller = new AbortController();
  const source = new Source([10, 10, 10]);
  const stream = boundedStream(source, { pool, maxBytes: 1000, signal: controller.signal });
  await stream.next();
  await settle();
  expect([source.isClosed, pool.usedBytes]).toEqual([true, 30]);
  controller.abort(new RangeError('enough'));
  expect(pool.usedBytes).toBe(0);
  await expect(stream.next()).rejects.toThrow('enough');
  expect((await stream.next()).done).toBe(true);
});

test('a promise of the source that fails is told, and closes the source', async () => {
  const { pool } = makePool();
  let isClosed = false;
  function* promises(): Generator<Promise<string>> {
    try {
      yield Promise.resolve('a');
      yield Promise.reject(new RangeError('row 1'));
    } finally {
      isClosed = true;
    }
  }
  const stream = boundedStream(promises(), { pool, maxBytes: 1000, sizeOf: () => 1 });
  await stream.next();
  await expect(stream.next()).rejects.toThrow('row 1');
  expect([isClosed, pool.usedBytes]).toEqual([true, 0]);
});

test('what came before the source failed still comes, in order, and then its error', async () => {
  const { pool } = makePool();
  const got: string[] = [];
  const iterate = async (): Promise<void> => {
    for await (const item of boundedStream(failing(), { pool, maxBytes: 1000 })) {
      await settle(5);
      got.push(item);
    }
  };
  await expect(iterate()).rejects.toThrow('row 2');
  expect([got, pool.usedBytes]).toEqual([['a', 'b'], 0]);
});

test('a size that is none, and an item whose size is not known, are coded errors, and close the source', async () => {
  const { pool } = makePool();
  const source = new Source(hundred());
  await expect(boundedStream(source, { pool, maxBytes: 1000, sizeOf: () => NaN }).next()).rejects.toMatchObject({
    code: 'MEMTOOL_INVALID_SIZE',
  });
  await settle();
  expect(source.isClosed).toBe(true);
  await expect(boundedStream([{ id: 1 }], { pool, maxBytes: 1000 }).next()).rejects.toMatchObject({
    code: 'MEMTOOL_INVALID_OPTION',
  });
  expect(codeOf(() => boundedStream([], { pool, maxBytes: 'much' }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(pool.usedBytes).toBe(0);
});

test('several calls of next() at once get their items in order', async () => {
  const { pool } = makePool();
  const stream = boundedStream(new Source([10, 20, 30]), { pool, maxBytes: 15 });
  const results = await Promise.all(Array.from({ length: 5 }, async () => stream.next()));
  expect(results.map(({ value }) => value?.length)).toEqual([10, 20, 30, undefined, undefined]);
  expect(pool.usedBytes).toBe(0);
});

test('it goes through pipeline into a slow writer, also as a Readable, with no more than maxBytes in flight', async () => {
  const { memory, pool } = makePool();
  for (const asReadable of [false, true]) {
    let written = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _, done) {
        written += chunk.length;
        setTimeout(done, 2);
      },
    });
    const stream = boundedStream(new Source(hundred()), { pool, maxBytes: 1000 });
    // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
    await pipeline(asReadable ? stream.toReadable() : stream, slow);
    expect([written, pool.usedBytes]).toEqual([10_000, 0]);
  }
  expect(poolStats(memory, 'scan').peakBytes).toBe(1000);
});

test('a Readable is a source: it is read to its end, or destroyed', async () => {
  const { pool } = makePool();
  const whole = Readable.from(hundred().map((size) => Buffer.alloc(size)));
  let bytes = 0;
  for await (const chunk of boundedStream<Buffer>(whole, { pool, maxBytes: 1000 })) bytes += chunk.length;
  expect(bytes).toBe(10_000);
  const cut = Readable.from(hundred().map((size) => Buffer.alloc(size)));
  for await (const _ of boundedStream<Buffer>(cut, { pool, maxBytes: 1000 })) break;
  expect([cut.destroyed, pool.usedBytes]).toEqual([true, 0]);
});

test('a Readable of it that is destroyed releases everything and closes the source', async () => {
  const { pool } = makePool();
  const source = new Source(hundred());
  const readable = boundedStream(source, { pool, maxBytes: 1000 }).toReadable();
  for await (const _ of readable) {
    await settle();
    expect(pool.usedBytes).toBeGreaterThan(100);
    break;
  }
  await settle();
  expect([source.isClosed, pool.usedBytes]).toEqual([true, 0]);
});

test('it is charged to the query that ran when it was made, wherever it is gone through', async () => {
  const { memory, pool } = makePool();
  await memory.query('q-1', { user: 'ana' }, async (query) => {
    const stream = boundedStream(new Source(hundred()), { pool, maxBytes: 1000 });
    await memory.query('q-2', {}, async (other) => {
      await stream.next();
      await settle();
      expect([query.usedBytes, other.usedBytes]).toEqual([1000, 0]);
    });
    await stream.return();
    expect(query.usedBytes).toBe(0);
  });
  const outside = boundedStream(new Source(hundred()), { pool, maxBytes: 1000 });
  await memory.query('q-3', {}, async (query) => {
    await outside.next();
    await settle();
    expect([query.usedBytes, pool.usedBytes]).toEqual([0, 1000]);
    await outside.return();
  });
});

test("a query's limit makes the source wait as the pool's does", async () => {
  const { memory, pool } = makePool();
  await memory.query('q-1', { limit: 500 }, async (query) => {
    let count = 0;
    for await (const _ of boundedStream(new Source(hundred()), { pool, maxBytes: 10_000 })) {
      await settle(5);
      expect(query.usedBytes).toBeLessThanOrEqual(500);
      count += 1;
    }
    expect([count, query.peakBytes]).toEqual([100, 500]);
  });
});

test('what was made and never gone through leaves nothing in the ledger', () => {
  const { memory, pool } = makePool();
  boundedStream(new Source(hundred()), { pool, maxBytes: 1000 });
  expect(poolStats(memory, 'scan').live).toBe(0);
});
