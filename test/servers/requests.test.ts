/** What the three servers have in common, over real sockets. */
import { setImmediate } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { OrphanedEvent } from '../../src/memory/scope/orphans.ts';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryReservation } from '../../src/memory/reservation.ts';
import { makeManager } from '../memory/make-manager.ts';
import { Client, gate, get, KINDS, serve, type Handler, type Kind, type Options } from './serve.ts';

const WAIT = { timeout: 20_000 };

function make(options: { limit?: string } = {}) {
  const { memory } = makeManager(options);
  const orphans: OrphanedEvent[] = [];
  memory.on('orphaned', (event) => orphans.push(event));
  const queries = (): string[] =>
    memory
      .endedScopes()
      .filter(({ kind }) => kind === 'query')
      .map(({ name }) => name);
  return { memory, pool: memory.pool('query'), orphans, queries };
}

/** Nothing is open any more, and nothing is held. */
async function isQuiet(memory: MemoryManager): Promise<void> {
  await expect.poll(() => memory.ledger.scopes?.isEmpty, WAIT).toBe(true);
  expect(memory.usedBytes).toBe(0);
}

describe.each(KINDS)('%s', (kind: Kind) => {
  const start = (options: Options, handler: Handler): Promise<number> => serve(kind, options, handler);

  test('a request is a query of its user, named by its route; what it takes is charged to both', async () => {
    const { memory, pool, queries } = make();
    const port = await start({ memory, limit: 1000 }, async () => {
      await setImmediate();
      using held = pool.reserveOrThrow(100);
      const { activeScope: scope } = memory;
      return JSON.stringify([scope?.name, scope?.limitBytes, scope?.usedBytes, scope?.user?.name, held.size]);
    });
    const response = await get(port, '/orders/17', 'ana');
    expect([response.status, await response.json()]).toEqual([200, ['GET /orders/:id', 1000, 100, 'ana', 100]]);
    await isQuiet(memory);
    expect(queries()).toEqual(['GET /orders/:id']);
    expect(memory.endedScopes()).toMatchObject([
      { kind: 'user', name: 'ana' },
      { peakBytes: 100, leftBytes: 0 },
    ]);
  });

  test('forty requests of four users at once: each is charged its own, and each user the sum of theirs', async () => {
    const { memory, pool, queries } = make();
    const all = gate();
    const seenByAll = gate();
    let running = 0;
    const port = await start({ memory }, async ({ id }) => {
      using _ = pool.reserveOrThrow(Number(id), { tag: 'rows' });
      running += 1;
      if (running === 40) all.open();
      await all.opened;
      await setImmediate();
      const { activeScope: scope } = memory;
      const seen = JSON.stringify([scope?.user?.name, scope?.usedBytes, scope?.user?.usedBytes]);
      // Everybody looks before anybody gives back.
      running -= 1;
      if (running === 0) seenByAll.open();
      await seenByAll.opened;
      return seen;
    });
    const users = ['ana', 'bo', 'cy', 'di'];
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, index) =>
        (await get(port, `/orders/${index + 1}`, users[index % 4])).json(),
      ),
    );
    const sums = [0, 1, 2, 3].map((user) => Array.from({ length: 10 }, (_, each) => user + 1 + 4 * each));
    expect(answers).toEqual(
      answers.map((_, index) => [users[index % 4], index + 1, sums[index % 4]?.reduce((sum, bytes) => sum + bytes)]),
    );
    await isQuiet(memory);
    expect(queries()).toHaveLength(40);
  });

  test('what it has not freed when its response is done is orphaned, with its route and its user', async () => {
    const { memory, pool, orphans } = make();
    const port = await start({ memory }, () => {
      pool.reserveOrThrow(64, { tag: 'forgotten' });
      return 'done';
    });
    expect(await (await get(port, '/orders/1', 'ana')).text()).toBe('done');
    await expect.poll(() => orphans, WAIT).toHaveLength(1);
    expect(orphans).toMatchObject([
      { scope: { name: 'GET /orders/:id', user: 'ana' }, memory: [{ tag: 'forgotten', count: 1, bytes: 64 }] },
    ]);
  });

  test('a client that goes away ends its request, though the handler runs on', async () => {
    const { memory, pool, orphans, queries } = make();
    const going = gate();
    let held: MemoryReservation | undefined;
    const port = await start({ memory }, async () => {
      held = pool.reserveOrThrow(64);
      await going.opened;
      return 'too late';
    });
    const client = new Client(port);
    client.ask('/orders/1');
    await expect.poll(() => held?.size, WAIT).toBe(64);
    expect(queries()).toEqual([]);
    client.socket.destroy();
    await expect.poll(queries, WAIT).toEqual(['GET /orders/:id']);
    await expect.poll(() => orphans, WAIT).toHaveLength(1);
    going.open();
    held?.free();
    await isQuiet(memory);
    expect(queries()).toHaveLength(1);
  });

  test('requests on one connection, one after the other, are queries of their own', async () => {
    const { memory, pool, queries } = make();
    const port = await start({ memory }, async ({ id }) => {
      using held = pool.reserveOrThrow(Number(id));
      await setImmediate();
      return `<${id} ${memory.activeScope?.usedBytes} ${held.size}>`;
    });
    const client = new Client(port);
    for (const id of [1, 2, 3]) {
      client.ask(`/orders/${id}`);
      // oxlint-disable-next-line no-await-in-loop
      await expect.poll(() => client.text, WAIT).toContain(`<${id} ${id} ${id}>`);
    }
    await isQuiet(memory);
    expect(queries()).toHaveLength(3);
  });

  test('requests that are sent before the first is answered are, too', async () => {
    const { memory, pool, queries } = make();
    const first = gate();
    const port = await start({ memory }, async ({ id }) => {
      using held = pool.reserveOrThrow(Number(id));
      if (id === '1') await first.opened;
      else first.open();
      await setImmediate();
      return `<${id} ${memory.activeScope?.usedBytes} ${held.size}>`;
    });
    const client = new Client(port);
    client.ask('/orders/1', '/orders/2', '/orders/3');
    await expect.poll(() => client.text, WAIT).toMatch(/<1 1 1>[^]*<2 2 2>[^]*<3 3 3>/);
    await isQuiet(memory);
    expect(queries()).toHaveLength(3);
  });

  test('a connection that closes ends those that were never answered, once each', async () => {
    const { memory, queries } = make();
    const going = gate();
    let running = 0;
    const port = await start({ memory }, async () => {
      running += 1;
      await going.opened;
      return 'too late';
    });
    const client = new Client(port);
    client.ask('/orders/1', '/orders/2', '/orders/3');
    await expect.poll(() => running, WAIT).toBe(3);
    client.socket.destroy();
    await expect.poll(queries, WAIT).toHaveLength(3);
    going.open();
    await isQuiet(memory);
    expect(queries()).toHaveLength(3);
  });

  test('a stream that is being sent is still the request, and takes its memory in it', async () => {
    const { memory, pool, queries } = make();
    const seen = new Set<string>();
    const CHUNKS = 300;
    const port = await start({ memory }, ({ id }) => {
      const { activeScope } = memory;
      return Readable.from(
        (async function* chunks() {
          for (let index = 0; index < CHUNKS; index += 1) {
            using held = pool.reserveOrThrow(1000, { tag: 'chunk' });
            seen.add(memory.activeScope === activeScope ? 'own' : `of ${memory.activeScope?.name}, for ${id}`);
            yield Buffer.alloc(64 * held.size, 'x');
          }
        })(),
      );
    });
    const client = new Client(port);
    client.socket.pause();
    client.ask('/orders/1');
    await expect.poll(() => memory.usedBytes, WAIT).toBe(1000);
    expect(queries()).toEqual([]);
    client.socket.resume();
    await expect.poll(() => client.text.length, WAIT).toBeGreaterThan(CHUNKS * 64_000);
    await isQuiet(memory);
    expect(queries()).toEqual(['GET /orders/:id']);
    expect([...seen]).toEqual(['own']);
  });

  test('streams of requests that were sent together take their memory each in its own', async () => {
    const { memory, pool, queries } = make();
    const seen = new Set<string>();
    const CHUNKS = 100;
    const port = await start({ memory }, ({ id }) =>
      Readable.from(
        (async function* chunks() {
          const { activeScope } = memory;
          for (let index = 0; index < CHUNKS; index += 1) {
            using _ = pool.reserveOrThrow(1000, { tag: 'chunk' });
            seen.add(
              memory.activeScope === activeScope && activeScope?.user?.name === `u${id}` ? 'own' : `wrong in ${id}`,
            );
            yield Buffer.alloc(64_000, id);
          }
        })(),
      ),
    );
    const client = new Client(port);
    client.socket.write(
      [1, 2, 3].map((id) => `GET /orders/${id} HTTP/1.1\r\nHost: test\r\nWho: u${id}\r\n\r\n`).join(''),
    );
    await expect.poll(() => client.text.length, WAIT).toBeGreaterThan(3 * CHUNKS * 64_000);
    await isQuiet(memory);
    expect(queries()).toHaveLength(3);
    expect([...seen]).toEqual(['own']);
  });

  test('what is refused is a 503 with Retry-After, while the request of another goes on', async () => {
    const { memory, pool } = make();
    const going = gate();
    const port = await start({ memory, limit: '10KB', retryAfterSeconds: 2.5 }, async ({ id }) => {
      using held = pool.reserveOrThrow(Number(id), { tag: `secret-of-${id}` });
      await going.opened;
      return String(held.size);
    });
    const other = get(port, '/orders/9000', 'bo');
    await expect.poll(() => memory.usedBytes, WAIT).toBe(9000);
    const refused = await get(port, '/orders/10001', 'ana');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3']);
    expect(refused.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await refused.json()).toEqual({
      statusCode: 503,
      code: 'MEMTOOL_LIMIT',
      error: 'Service Unavailable',
      message: 'There is not enough memory for this request. Try again in 3 s.',
    });
    going.open();
    expect(await (await other).text()).toBe('9000');
    expect((await get(port, '/orders/1', 'ana')).status).toBe(200);
    await isQuiet(memory);
  });

  test("a refusal by the pool, full of another's memory, names nobody either", async () => {
    const { memory, pool } = make();
    using _ = pool.reserveOrThrow(pool.limitBytes, { tag: 'secret-of-bo' });
    const port = await start({ memory }, () => String(pool.reserveOrThrow(1, { tag: 'rows' }).size));
    const refused = await get(port, '/orders/1', 'ana');
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toMatch(/secret|pool|rows/);
  });

  test('when a part has been sent, the connection is closed: the answer is not whole', async () => {
    const { memory, pool } = make();
    const port = await start({ memory, limit: 10 }, ({ response }) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      return String(pool.reserveOrThrow(11).size);
    });
    const client = new Client(port);
    client.ask('/orders/1');
    await expect.poll(() => client.isClosed, WAIT).toBe(true);
    expect(client.text).toContain('200 OK');
    await isQuiet(memory);
  });

  test('with shedAt, no request begins while the pool is that full', async () => {
    const { memory, pool, queries } = make();
    let begun = 0;
    const port = await start({ memory, shedAt: 'critical' }, () => {
      begun += 1;
      return 'ok';
    });
    const held = pool.reserveOrThrow(pool.limitBytes * 0.9);
    expect((await get(port, '/orders/1')).status).toBe(200);
    held.grow(pool.limitBytes * 0.06);
    const shed = await get(port, '/orders/1');
    expect([shed.status, shed.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await shed.json()).toMatchObject({ code: 'MEMTOOL_LIMIT' });
    held.free();
    expect((await get(port, '/orders/1')).status).toBe(200);
    await expect.poll(queries, WAIT).toHaveLength(2);
    expect(begun).toBe(2);
  });

  test('when there are no scopes left, requests go on without one', async () => {
    const { memory } = make();
    const open = [];
    try {
      for (;;) open.push(memory.openQuery('q'));
    } catch {
      // All rows are taken.
    }
    const port = await start({ memory, limit: 10 }, () => String(memory.activeScope?.name));
    const answer = await get(port, '/orders/1', 'ana');
    expect([answer.status, await answer.text()]).toEqual([200, 'undefined']);
    for (const query of open) query.close();
    expect(await (await get(port, '/orders/1', 'ana')).text()).toBe('GET /orders/:id');
  });

  test('and so they do when the manager is closed', async () => {
    const { memory } = make();
    const port = await start({ memory }, () => String(memory.activeScope?.name));
    memory.close();
    expect(await (await get(port, '/orders/1', 'ana')).text()).toBe('undefined');
  });

  test('a name that is too long is cut, and remains that of one user', async () => {
    const { memory } = make();
    const port = await start({ memory }, () => String(memory.activeScope?.user?.name));
    const names = await Promise.all(
      ['a', 'b'].map(async (end) => (await get(port, '/orders/1', 'x'.repeat(200) + end)).text()),
    );
    expect(names.map((name) => name.length)).toEqual([100, 100]);
    expect(new Set(names).size).toBe(2);
  });
});
