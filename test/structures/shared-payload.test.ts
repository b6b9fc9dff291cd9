import { expect, test } from 'vitest';
import { SharedPayload } from '../../src/structures/shared-payload.ts';
import { collectUntil } from '../memory/collect.ts';
import { codeOf, makeManager, poolStats, wrong } from '../memory/make-manager.ts';

const PRICE = { symbol: 'ACME', price: 17.25, note: 'ä'.repeat(500) };
const PRICE_BYTES = Buffer.byteLength(JSON.stringify(PRICE));

function makePool(limit = 100_000) {
  const { memory } = makeManager({ pools: { messages: { limit } } });
  return { memory, pool: memory.pool('messages') };
}

function asItIs<Encoded>(encoded: Encoded): Encoded {
  return encoded;
}

test('100 holders have the same Buffer, the pool is charged for it once, and the last release frees it', () => {
  const { pool } = makePool();
  const payload = SharedPayload.encodeOrThrow(PRICE, { pool, tag: 'prices' });
  const holders = Array.from({ length: 99 }, () => payload.hold());
  expect(JSON.parse(payload.bytes.toString())).toEqual(PRICE);
  expect(holders.every((holder) => holder.bytes === payload.bytes)).toBe(true);
  expect([payload.holders, payload.size, pool.usedBytes]).toEqual([100, PRICE_BYTES, PRICE_BYTES]);
  for (const holder of holders) holder.release();
  expect([payload.holders, pool.usedBytes]).toEqual([1, PRICE_BYTES]);
  payload.release();
  expect([payload.holders, payload.isHeld, pool.usedBytes]).toEqual([0, false, 0]);
});

test('a payload outlives whoever encoded it for as long as anyone holds it', () => {
  const { pool } = makePool();
  const payload = SharedPayload.encodeOrThrow(PRICE, { pool });
  const holder = payload.hold();
  payload.release();
  const next = holder.hold();
  holder.release();
  expect(JSON.parse(next.bytes.toString())).toEqual(PRICE);
  expect([next.holders, pool.usedBytes]).toEqual([1, PRICE_BYTES]);
  next.release();
  expect(pool.usedBytes).toBe(0);
});

test('releasing twice and using what was released are coded errors; a `using` declaration goes with an early release', () => {
  const { pool } = makePool();
  const payload = SharedPayload.encodeOrThrow(PRICE, { pool });
  const holder = payload.hold();
  holder.release();
  expect(codeOf(() => holder.release())).toBe('MEMTOOL_DOUBLE_FREE');
  expect(codeOf(() => holder.bytes)).toBe('MEMTOOL_USE_AFTER_FREE');
  expect(codeOf(() => holder.hold())).toBe('MEMTOOL_USE_AFTER_FREE');
  holder[Symbol.dispose]();
  expect([payload.holders, pool.usedBytes]).toEqual([1, PRICE_BYTES]);
  payload[Symbol.dispose]();
  expect(pool.usedBytes).toBe(0);
});

test('without room a payload is refused as a value, or with a MemoryLimitError that names the tag, and leaves no trace', () => {
  const { memory, pool } = makePool(PRICE_BYTES - 1);
  expect(SharedPayload.encode(PRICE, { pool, tag: 'prices' })).toBeUndefined();
  expect(() => SharedPayload.encodeOrThrow(PRICE, { pool, tag: 'prices' })).toThrow(
    /Pool messages refused 1\.0 KiB for prices/,
  );
  expect(poolStats(memory, 'messages')).toMatchObject({ usedBytes: 0, live: 0, rejections: 2 });
});

test('an encoder gives text or bytes: its own buffer is taken over, and a part of a larger one is copied', () => {
  const { pool } = makePool();
  const own = Buffer.allocUnsafeSlow(1000);
  const part = Buffer.alloc(8192).subarray(100, 1100);
  using fromOwn = SharedPayload.encodeOrThrow<Uint8Array>(own, { pool, encode: asItIs });
  using fromPart = SharedPayload.encodeOrThrow<Uint8Array>(part, { pool, encode: asItIs });
  using fromText = SharedPayload.encodeOrThrow('päckchen', { pool, encode: asItIs });
  expect(fromOwn.bytes.buffer).toBe(own.buffer);
  expect(fromPart.bytes.buffer.byteLength).toBe(1000);
  expect(fromText.bytes.buffer.byteLength).toBe(9);
  expect(fromText.bytes.toString()).toBe('päckchen');
  expect(pool.usedBytes).toBe(2009);
});

test('what has no JSON, and an encoder that gives neither text nor bytes, are coded errors', () => {
  const { pool } = makePool();
  expect(codeOf(() => SharedPayload.encode(undefined, { pool }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => SharedPayload.encode(1, { pool, encode: () => wrong<string>(7) }))).toBe(
    'MEMTOOL_INVALID_OPTION',
  );
  expect(pool.usedBytes).toBe(0);
});

test('a payload is charged to the scope that runs, and its bytes stay whole when cleanup takes the charge away', async () => {
  const { memory, pool } = makePool();
  const payload = memory.query('q-1', { user: 'ana' }, (query) => {
    const encoded = SharedPayload.encodeOrThrow(PRICE, { pool, tag: 'prices' });
    expect(query.usedBytes).toBe(PRICE_BYTES);
    return encoded;
  });
  await memory.cleanup();
  expect(pool.usedBytes).toBe(0);
  expect(JSON.parse(payload.bytes.toString())).toEqual(PRICE);
  payload.release();
  expect(pool.usedBytes).toBe(0);
});

test('a payload that all its holders forgot is found as lost', async () => {
  const { memory, pool } = makePool();
  (() => {
    SharedPayload.encodeOrThrow(PRICE, { pool, tag: 'prices' }).hold();
  })();
  await collectUntil(() => memory.leaks({ ageSeconds: 0 }).leaks.some(({ kind }) => kind === 'lost'));
  expect(memory.leaks().leaks).toMatchObject([{ kind: 'lost', tag: 'prices', bytes: PRICE_BYTES }]);
});

test('logged, it shows its facts and not its bytes', () => {
  const { pool } = makePool();
  using payload = SharedPayload.encodeOrThrow('text', { pool });
  expect(JSON.parse(JSON.stringify(payload))).toEqual({ pool: 'messages', size: 6, holders: 1, isHeld: true });
});
