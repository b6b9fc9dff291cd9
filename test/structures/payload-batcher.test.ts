import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { PayloadBatcher, type PayloadBatcherOptions } from '../../src/structures/payload-batcher.ts';
import type { SharedPayload } from '../../src/structures/shared-payload.ts';
import { codeOf, makeManager } from '../memory/make-manager.ts';

interface Change {
  id: number;
  text: string;
}

function makeBatcher(options: Partial<PayloadBatcherOptions<Change>> = {}, limit = 100_000) {
  const { memory } = makeManager({ pools: { messages: { limit } } });
  const pool = memory.pool('messages');
  const messages: string[] = [];
  const counts: number[] = [];
  const batcher = new PayloadBatcher<Change>({
    pool,
    tag: 'changes',
    intervalMs: 1_000_000,
    onMessage: (message, changes) => {
      // The message is charged while it is sent, and nothing else of the batcher is.
      expect(pool.usedBytes).toBe(message.size);
      messages.push(message.bytes.toString());
      counts.push(changes);
    },
    ...options,
  });
  onTestFinished(() => batcher.close());
  return { memory, pool, batcher, messages, counts };
}

function change(id: number, text = 'x'): Change {
  return { id, text };
}

test('changes that wait are charged to the byte as the message that they will be, and all is given back once it is sent', () => {
  const { pool, batcher, messages, counts } = makeBatcher();
  const changes = [change(1), change(2, 'zwölf'), change(3, '')];
  for (const each of changes) expect(batcher.add(each)).toBe(true);
  const json = JSON.stringify(changes);
  expect([batcher.pendingChanges, batcher.pendingBytes, pool.usedBytes]).toEqual([
    3,
    Buffer.byteLength(json),
    Buffer.byteLength(json),
  ]);
  expect(batcher.flush()).toBe(3);
  expect(messages).toEqual([json]);
  expect(counts).toEqual([3]);
  expect([batcher.pendingChanges, batcher.pendingBytes, pool.usedBytes]).toEqual([0, 0, 0]);
  expect(batcher.flush()).toBe(0);
});

test('a message goes when it has maxChanges', () => {
  const { batcher, counts } = makeBatcher({ maxChanges: 10 });
  for (let id = 0; id < 25; id += 1) batcher.add(change(id));
  expect([counts, batcher.pendingChanges]).toEqual([[10, 10], 5]);
});

test('no message has more than maxBytes, but for one change that has more alone', () => {
  const { batcher, messages } = makeBatcher({ maxBytes: 100 });
  for (let id = 0; id < 20; id += 1) batcher.add(change(id, 'x'.repeat(id * 7)));
  batcher.flush();
  expect(messages.flatMap((message) => JSON.parse(message).map(({ id }: Change) => id))).toEqual(
    Array.from({ length: 20 }, (_, id) => id),
  );
  for (const message of messages) {
    expect(message.length <= 100 || JSON.parse(message).length === 1).toBe(true);
  }
  expect(messages.some((message) => message.length > 100)).toBe(true);
});

test('a message goes when its first change has waited for intervalMs, and its timer keeps no process alive', async () => {
  const sent: number[] = [];
  const { batcher } = makeBatcher({ intervalMs: 5, onMessage: (_, changes) => sent.push(changes) });
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  batcher.add(change(1));
  batcher.add(change(2));
  expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(timers);
  // oxlint-disable-next-line no-await-in-loop -- waits for the condition
  while (sent.length === 0) await wait(1);
  expect(sent).toEqual([2]);
});

test('with keyOf only the latest change of a key is sent, in the order of the latest, and charged', () => {
  const { pool, batcher, messages } = makeBatcher({ keyOf: ({ id }) => id });
  batcher.add(change(1, 'a long text that is replaced'));
  batcher.add(change(2));
  batcher.add(change(1, 'new'));
  expect([batcher.pendingChanges, pool.usedBytes]).toEqual([2, JSON.stringify([change(2), change(1, 'new')]).length]);
  batcher.flush();
  expect(messages).toEqual([JSON.stringify([change(2), change(1, 'new')])]);
});

test('a change that the pool has no room for is not taken: add says so, and what waits is as it was', () => {
  const { pool, batcher, messages } = makeBatcher({}, 60);
  expect(batcher.add(change(1))).toBe(true);
  const before = pool.usedBytes;
  expect(batcher.add(change(2, 'x'.repeat(60)))).toBe(false);
  expect([batcher.pendingChanges, pool.usedBytes]).toEqual([1, before]);
  batcher.close();
  expect(messages).toEqual([JSON.stringify([change(1)])]);
});

test('encode and framing make other messages: lines of JSON, and bytes', () => {
  const lines = makeBatcher({ framing: { before: '', between: '\n', after: '\n' } });
  lines.batcher.add(change(1));
  lines.batcher.add(change(2));
  lines.batcher.close();
  expect(lines.messages).toEqual([`${JSON.stringify(change(1))}\n${JSON.stringify(change(2))}\n`]);

  const bytes = makeBatcher({ encode: ({ id }) => Uint8Array.of(id), framing: { before: '', between: '', after: '' } });
  bytes.batcher.add(change(65));
  bytes.batcher.add(change(66));
  bytes.batcher.close();
  expect(bytes.messages).toEqual(['AB']);
});

test('a subscriber may hold a message on; one that throws leaves nothing charged, and the next message goes', () => {
  const held: SharedPayload[] = [];
  const holding = makeBatcher({ onMessage: (message) => held.push(message.hold()) });
  holding.batcher.add(change(1));
  holding.batcher.flush();
  expect(holding.pool.usedBytes).toBe(held[0]?.size);
  held[0]?.release();
  expect(holding.pool.usedBytes).toBe(0);

  let isBroken = true;
  const throwing = makeBatcher({
    onMessage: () => {
      if (isBroken) throw new RangeError('broken');
    },
  });
  throwing.batcher.add(change(1));
  expect(() => throwing.batcher.flush()).toThrow(RangeError);
  expect(throwing.pool.usedBytes).toBe(0);
  isBroken = false;
  throwing.batcher.add(change(2));
  expect(throwing.batcher.flush()).toBe(1);
});

test('closing sends what waits; afterwards adding is a coded error, and closing again does nothing', () => {
  const { batcher, counts, pool } = makeBatcher();
  batcher.add(change(1));
  batcher.close();
  batcher.close();
  expect(counts).toEqual([1]);
  expect(codeOf(() => batcher.add(change(2)))).toBe('MEMTOOL_CLOSED');
  expect(pool.usedBytes).toBe(0);
});

test('changes are charged to the scope in which the batcher was made, not to the one that adds them', () => {
  const { memory, pool, batcher } = makeBatcher();
  memory.query('q-1', { user: 'ana' }, (query) => {
    batcher.add(change(1));
    expect([query.usedBytes, pool.usedBytes > 0]).toEqual([0, true]);
  });
  memory.query('q-2', {}, (query) => {
    using inner = new PayloadBatcher<Change>({ pool, onMessage: () => {} });
    inner.add(change(1));
    memory.query('q-3', {}, (other) => {
      inner.add(change(2));
      expect(other.usedBytes).toBe(0);
    });
    expect(query.usedBytes).toBe(inner.pendingBytes);
  });
});

test.each<[string, Partial<PayloadBatcherOptions<Change>>]>([
  ['intervalMs', { intervalMs: -1 }],
  ['maxChanges', { maxChanges: 0 }],
  ['maxBytes', { maxBytes: 'much' }],
])('a wrong %s is a coded error', (_, options) => {
  expect(codeOf(() => makeBatcher(options))).toBe('MEMTOOL_INVALID_OPTION');
});
