import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { httpMemory, type HttpMemoryOptions } from '../../src/servers/http.ts';
import { codeOf, makeManager, wrong } from '../memory/make-manager.ts';
import { get, listen } from './serve.ts';

const WAIT = { timeout: 20_000 };

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

function make(handler: Listener, options: Partial<HttpMemoryOptions> = {}) {
  const { memory } = makeManager();
  return { memory, pool: memory.pool('query'), answer: httpMemory(handler, { memory, ...options }) };
}

test('without `route` a request is named by its method, never by its path', async () => {
  const { memory, answer } = make((_request, response) => response.end(memory.activeScope?.name));
  expect(await (await get(await listen(createServer(answer)), '/orders/17')).text()).toBe('GET (no route)');
  expect(memory.name).toBe('test');
});

test('the body is read in the scope by what awaits it', async () => {
  const { memory, answer } = make(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    response.end(`${text} ${memory.activeScope?.name}`);
  });
  const port = await listen(createServer(answer));
  const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: 'x'.repeat(200_000) });
  expect((await response.text()).slice(-17)).toBe('x POST (no route)');
});

test('a handler that throws at once is refused too; what it had said of a body is not sent', async () => {
  const { pool, answer } = make(
    (_request, response) => {
      response.setHeader('Content-Type', 'text/csv');
      response.setHeader('Content-Length', 3);
      response.setHeader('X-Kept', 'yes');
      response.statusMessage = 'Fine';
      pool.reserveOrThrow(11);
    },
    { limit: 10 },
  );
  const port = await listen(createServer(answer));
  const response = await get(port, '/');
  expect([response.status, response.statusText]).toEqual([503, 'Service Unavailable']);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(response.headers.get('x-kept')).toBe('yes');
  expect(await response.json()).toMatchObject({ code: 'MEMTOOL_LIMIT' });
  const head = await fetch(`http://127.0.0.1:${port}`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([503, '']);
});

test('other errors reach whoever would have them without it', async () => {
  const { answer } = make(async (request, response) => {
    await setImmediate();
    if (request.url === '/ok') response.end('ok');
    else throw new Error('mine');
  });
  EventEmitter.captureRejections = true;
  onTestFinished(() => void (EventEmitter.captureRejections = false));
  const port = await listen(createServer(answer));
  // What Node's own server does with a listener that rejects.
  expect((await get(port, '/')).status).toBe(500);
  expect(await (await get(port, '/ok')).text()).toBe('ok');
  const throwing = make(() => {
    throw new Error('at once');
  });
  const [request, response] = await exchange();
  expect(() => throwing.answer(request, response)).toThrow('at once');
});

/** A request that nobody has answered. */
async function exchange(): Promise<[IncomingMessage, ServerResponse]> {
  const server = createServer();
  const port = await listen(server);
  const asked = once(server, 'request');
  get(port, '/').catch(() => {});
  const [request, response] = await asked;
  return [request, response];
}

test('a client that has gone before its request is handled leaves no scope open', async () => {
  const { memory, answer } = make(() => {});
  const [request, response] = await exchange();
  request.socket.destroy();
  await once(response, 'close');
  answer(request, response);
  expect(memory.ledger.scopes?.isEmpty ?? true).toBe(true);
});

test('an error of `user` that comes late is no error of the request', async () => {
  let asked = 0;
  const { memory, answer } = make((_request, response) => response.end('ok'), {
    user: () => {
      asked += 1;
      if (asked > 1) throw new Error('not now');
      return undefined;
    },
  });
  expect(await (await get(await listen(createServer(answer)), '/')).text()).toBe('ok');
  await expect.poll(() => memory.ledger.scopes?.isEmpty, WAIT).toBe(true);
  expect(asked).toBe(2);
});

test('the handler is called as the server would: with the server as `this`', async () => {
  const { answer } = make(function handle(this: unknown, _request, response) {
    response.end(String(this === server));
  });
  const server = createServer(answer);
  expect(await (await get(await listen(server), '/')).text()).toBe('true');
});

test('bad options are said at once', () => {
  expect(codeOf(() => make(() => {}, { limit: 'much' }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => make(() => {}, { retryAfterSeconds: NaN }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => make(() => {}, { shedAt: wrong('soon') }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => make(() => {}, { shedPool: 'none' }))).toBe('MEMTOOL_UNKNOWN_POOL');
});
