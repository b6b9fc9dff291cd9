import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Broadcast } from '../../src/structures/broadcast.ts';
import { SharedPayload } from '../../src/structures/shared-payload.ts';
import type { Subscriber } from '../../src/structures/subscriber.ts';
import { makeManager } from '../memory/make-manager.ts';

function makePool(limit: number | string = '10MB') {
  return makeManager({ pools: { messages: { limit } } }).memory.pool('messages');
}

/** Sockets of a real server, with the clients that read them. */
async function connectPairs(count: number): Promise<{ sockets: Socket[]; clients: Socket[] }> {
  const sockets: Socket[] = [];
  const clients: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of [...sockets, ...clients]) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a server that listens on a port
  const { port } = server.address() as AddressInfo;
  for (let index = 0; index < count; index += 1) clients.push(connect(port, '127.0.0.1'));
  await Promise.all(clients.map(async (client) => once(client, 'connect')));
  await until(() => sockets.length === count);
  for (const socket of sockets) socket.on('error', () => {});
  return { sockets, clients };
}

async function until(condition: () => boolean): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- waits for the condition
  while (!condition()) await wait(1);
}

function received(client: Socket): () => Buffer {
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

/** A stream that takes what it is given only when told to. */
class Slow extends Writable {
  readonly taken: string[] = [];
  private go: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.go = () => {
      this.taken.push(chunk.toString());
      done();
    };
  }

  async takeOne(): Promise<void> {
    const { go } = this;
    this.go = undefined;
    go?.();
    await wait(0);
  }
}

function text(pool: ReturnType<typeof makePool>, content: string): SharedPayload {
  return SharedPayload.encodeOrThrow(content, { pool, tag: 'updates', encode: (each) => each });
}

test('100 real sockets get the same payload: the pool is charged 1 KiB and not 100, and nothing once the last write has finished', async () => {
  const pool = makePool();
  const { sockets, clients } = await connectPairs(100);
  const contents = clients.map((client) => received(client));
  const broadcast = new Broadcast();
  for (const socket of sockets) broadcast.add(socket);
  const message = '0123456789abcdef'.repeat(64);
  const payload = text(pool, message);
  broadcast.send(payload);
  expect([payload.holders, pool.usedBytes]).toEqual([101, 1024]);
  payload.release();
  expect(pool.usedBytes).toBe(1024);
  await until(() => pool.usedBytes === 0);
  await until(() => contents.every((content) => content().length === 1024));
  expect(contents.every((content) => content().toString() === message)).toBe(true);
});

test('writeTo holds the bytes until the socket has taken them', async () => {
  const pool = makePool();
  const { sockets, clients } = await connectPairs(1);
  const [socket, client] = [sockets[0], clients[0]];
  if (socket === undefined || client === undefined) throw new Error('no connection');
  // More than the system's buffers: the last of it is written when the client has read.
  client.pause();
  const payload = text(pool, 'x'.repeat(9_000_000));
  expect(payload.writeTo(socket)).toBe(false);
  payload.release();
  expect(pool.usedBytes).toBe(9_000_000);
  const content = received(client);
  client.resume();
  await until(() => pool.usedBytes === 0);
  await until(() => content().length === 9_000_000);
});

test('writeTo releases the bytes when the socket is destroyed while they are written, or was before', async () => {
  const pool = makePool();
  const { sockets, clients } = await connectPairs(1);
  const [socket, client] = [sockets[0], clients[0]];
  if (socket === undefined || client === undefined) throw new Error('no connection');
  client.pause();
  using payload = text(pool, 'x'.repeat(9_000_000));
  payload.writeTo(socket);
  payload.writeTo(socket);
  expect(payload.holders).toBe(3);
  socket.destroy();
  await until(() => payload.holders === 1);
  payload.writeTo(socket);
  await until(() => payload.holders === 1);
});

test('a socket that closes while its writes are under way releases them, and gets nothing more', async () => {
  const pool = makePool('50MB');
  const { sockets, clients } = await connectPairs(2);
  for (const client of clients) client.pause();
  const broadcast = new Broadcast({ backlogBytes: '40MB' });
  for (const socket of sockets) broadcast.add(socket);
  using payload = text(pool, 'x'.repeat(9_000_000));
  broadcast.send(payload);
  broadcast.send(payload);
  expect(payload.holders).toBe(5);
  sockets[0]?.destroy();
  await until(() => payload.holders === 3);
  expect(broadcast.size).toBe(1);
  clients[1]?.destroy();
  await until(() => payload.holders === 1);
  expect(broadcast.size).toBe(0);
});

test('for a slow subscriber the oldest messages are dropped beyond backlogBytes, it is told, and the others get all', async () => {
  const pool = makePool();
  const dropped: [Subscriber, number, number][] = [];
  const broadcast = new Broadcast({
    backlogBytes: 30,
    onDropped: (subscriber, { count, bytes }) => dropped.push([subscriber, count, bytes]),
  });
  const slow = new Slow();
  const fast: string[] = [];
  const subscriber = broadcast.add(slow);
  broadcast.add((bytes, done) => {
    fast.push(bytes.toString());
    done();
  });
  for (let index = 0; index < 10; index += 1) {
    using payload = text(pool, `message ${index}.`);
    broadcast.send(payload);
  }
  // One is being taken and three wait: each once in memory.
  expect([subscriber.backlogBytes, pool.usedBytes]).toEqual([30, 40]);
  expect(dropped).toEqual(Array.from({ length: 6 }, () => [subscriber, 1, 10]));
  expect(subscriber.dropped).toEqual({ count: 6, bytes: 60 });
  for (let index = 0; index < 5; index += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
    await slow.takeOne();
  }
  expect(slow.taken).toEqual(['message 0.', 'message 7.', 'message 8.', 'message 9.']);
  expect(fast).toHaveLength(10);
  expect(pool.usedBytes).toBe(0);
});

test('50 subscribers that never take anything hold one backlog together, not one each', () => {
  const pool = makePool();
  const broadcast = new Broadcast({ backlogBytes: 1000 });
  for (let index = 0; index < 50; index += 1) broadcast.add(new Slow());
  for (let index = 0; index < 1000; index += 1) {
    using payload = text(pool, String(index).padEnd(100));
    broadcast.send(payload);
  }
  // And the first message, which all are taking.
  expect(pool.usedBytes).toBe(1100);
  broadcast.close();
  expect([broadcast.size, pool.usedBytes]).toEqual([0, 0]);
});

test('a message larger than the backlog is sent at once or dropped itself, and nothing else for it', async () => {
  const pool = makePool();
  const broadcast = new Broadcast({ backlogBytes: 20 });
  const slow = new Slow();
  const subscriber = broadcast.add(slow);
  for (const content of ['x'.repeat(50), 'small', 'y'.repeat(50)]) {
    using payload = text(pool, content);
    broadcast.send(payload);
  }
  expect(subscriber.dropped).toEqual({ count: 1, bytes: 50 });
  await slow.takeOne();
  await slow.takeOne();
  expect(slow.taken).toEqual(['x'.repeat(50), 'small']);
  expect(pool.usedBytes).toBe(0);
});

test('a target that throws or calls back with an error leaves, and keeps the message from nobody', () => {
  const pool = makePool();
  const broadcast = new Broadcast();
  const got: string[] = [];
  const throwing = broadcast.add(() => {
    throw new Error('closed');
  });
  const failing = broadcast.add((_, done) => done(new Error('closed')));
  // Calls back twice: the second time is none of the next message's business.
  broadcast.add((bytes, done) => {
    got.push(bytes.toString());
    done();
    done();
  });
  for (const content of ['a', 'b']) {
    using payload = text(pool, content);
    broadcast.send(payload);
  }
  expect(got).toEqual(['a', 'b']);
  expect([broadcast.size, throwing.isActive, failing.isActive, pool.usedBytes]).toEqual([1, false, false, 0]);
});

test('a stream that has ended or is destroyed is no subscriber, and is not written to', async () => {
  const pool = makePool();
  const broadcast = new Broadcast();
  const ended = new Slow();
  const subscriber = broadcast.add(ended);
  ended.end();
  const destroyed = new Slow();
  destroyed.destroy();
  expect(broadcast.add(destroyed).isActive).toBe(false);
  using payload = text(pool, 'x');
  broadcast.send(payload);
  expect([subscriber.isActive, broadcast.size, payload.holders]).toEqual([false, 0, 1]);
});

test('a subscriber removed from within a message, as by its neighbour, gets that no more', () => {
  const pool = makePool();
  const broadcast = new Broadcast();
  const got: string[] = [];
  const leaving: Subscriber[] = [];
  broadcast.add((_, done) => {
    for (const each of leaving) each.remove();
    done();
  });
  leaving.push(broadcast.add((bytes) => got.push(bytes.toString())));
  using payload = text(pool, 'x');
  broadcast.send(payload);
  expect([got, payload.holders, broadcast.size]).toEqual([[], 1, 1]);
});
