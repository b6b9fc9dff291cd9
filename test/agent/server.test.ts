import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONNECTION_LIMITS, type ConnectionLimits } from '../../src/agent/connections.ts';
import type { Verbs } from '../../src/agent/routes.ts';
import { createAgentServer } from '../../src/agent/server.ts';
import type { ScopeQuery, StatsExtent } from '../../src/protocol.ts';
import { Gate } from './gate.ts';
import { ask, freshDirectory } from './subject.ts';

let path: string;
let server: Server;
const sockets: Socket[] = [];

/** What the verbs answer does not matter to the server; `stats` can be made large or late. */
let stats: (scopes: ScopeQuery, extent: StatsExtent) => Promise<object>;
const verbs: Verbs = {
  health: () => ({ pid: 1 }),
  stats: (scopes, extent) => stats(scopes, extent),
  pressure: () => Promise.reject(new Error('on purpose')),
  leaks: (ageSeconds) => Promise.resolve({ ageSeconds }),
  profile: () => Promise.resolve({ pid: 1 }),
  snapshot: () => () => Promise.resolve(),
  cleanup: (request: object) => Promise.resolve(request),
  detach: () => ({ pid: 1 }),
  metrics: () => Promise.resolve('a 1\n'),
};

async function listening(limits: Partial<ConnectionLimits> = {}): Promise<void> {
  server = createAgentServer(verbs, { ...CONNECTION_LIMITS, ...limits });
  server.listen(path);
  await once(server, 'listening');
}

beforeEach(() => {
  path = join(freshDirectory(), 'agent.sock');
  stats = () => Promise.resolve({ pid: 1 });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function connection(text: string | Buffer = ''): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

/** Everything that comes until the other side closes. */
async function received(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  // Not `once()` of node:events: it rejects at an error, and an error is one way to be closed.
  await new Promise<void>((resolve) => {
    if (socket.closed || socket.readableEnded) resolve();
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  return text;
}

async function exchange(text: string | Buffer): Promise<string> {
  return received(await connection(text));
}

async function serves(): Promise<void> {
  expect((await ask(path, '/v1/stats')).status).toBe(200);
}

test('every endpoint has its answer, its method and its failure', async () => {
  await listening();
  expect(await ask(path, '/v1/health')).toMatchObject({ status: 200, body: '{"pid":1}\n' });
  expect(await ask(path, '/v1/leaks')).toMatchObject({ status: 200, body: '{"ageSeconds":300}\n' });
  expect(await ask(path, '/v1/leaks?age=2m')).toMatchObject({ status: 200, body: '{"ageSeconds":120}\n' });
  expect(await ask(path, '/v1/cleanup', { method: 'POST', body: '{"force":true}' })).toMatchObject({
    status: 200,
    body: '{"ageSeconds":300,"force":true}\n',
  });
  expect(await ask(path, '/metrics')).toMatchObject({ status: 200, body: 'a 1\n' });
  expect(await ask(path, '/v1/stats', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

test.each([
  ['/v1/stats', { count: 100, sort: 'used' }],
  ['/v1/stats?scopes=0', { count: 0, sort: 'used' }],
  ['/v1/stats?sort=age&scopes=1000', { count: 1000, sort: 'age' }],
])('%s asks for the scopes %j', async (target, scopes) => {
  await listening();
  stats = (asked) => Promise.resolve(asked);
  expect(await ask(path, target)).toMatchObject({ status: 200, body: `${JSON.stringify(scopes)}\n` });
});

test.each([
  ['/v1/stats', { workers: true, gcSeconds: 0 }],
  ['/v1/stats?workers=0', { workers: false, gcSeconds: 0 }],
  ['/v1/stats?scopes=0&gc=1m', { workers: true, gcSeconds: 60 }],
])('%s goes as far as %j', async (target, extent) => {
  await listening();
  stats = (_, asked) => Promise.resolve(asked);
  expect(await ask(path, target)).toMatchObject({ status: 200, body: `${JSON.stringify(extent)}\n` });
});

test.each([
  ['/v1/stats?scopes=1001', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?scopes=-1', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?scopes=1.5', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?scopes=', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?scopes=1&scopes=2', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?sort=size', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?workers=no', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?gc=4000', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/stats?sort=toString', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/leaks?age=x', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/leaks?age=-1', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/leaks?age=1&age=2', 'GET', '', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/cleanup', 'POST', '{', 400, 'MEMTOOL_BAD_REQUEST'],
  ['/v1/nothing', 'GET', '', 404, 'MEMTOOL_NOT_FOUND'],
  ['/__proto__', 'GET', '', 404, 'MEMTOOL_NOT_FOUND'],
  ['/', 'GET', '', 404, 'MEMTOOL_NOT_FOUND'],
  ['/v1/pressure', 'GET', '', 500, 'MEMTOOL_INTERNAL'],
] as const)('%s by %s with body %j is refused with %i %s', async (target, method, body, status, code) => {
  await listening();
  const answer = await ask(path, target, { method, body });
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toEqual({
    error: {
      code,
      message: expect.any(String),
      hint: expect.toSatisfy((hint) => hint === null || typeof hint === 'string'),
    },
  });
});

test('the wrong method is refused with the right one', async () => {
  await listening();
  expect(await ask(path, '/v1/stats', { method: 'DELETE' })).toMatchObject({
    status: 405,
    headers: { allow: 'GET, HEAD' },
  });
  expect(await ask(path, '/v1/cleanup')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
});

test('HTTP/1.0 is spoken, with and without a closed sending side', async () => {
  await listening();
  expect(await exchange('GET /v1/health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"pid":1\}\n$/);
  const late = new Gate();
  stats = () => late.opened.then(() => ({ pid: 1 }));
  // Answered only after the agent has seen the end of the request's side.
  server.once('connection', (socket: Socket) => socket.once('end', () => late.open()));
  const half = await connection();
  half.end('GET /v1/stats HTTP/1.0\r\n\r\n');
  expect(await received(half)).toMatch(/\{"pid":1\}\n$/);
});

test.each([
  ['nonsense', Buffer.from('\u0000\u0001\u0002 hello\r\n\r\n')],
  ['TLS', Buffer.from('160301020001000001fc0303', 'hex')],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a header without an end', `GET / HTTP/1.1\r\nA: ${'a'.repeat(20_000)}`],
  ['two lengths', 'POST /v1/cleanup HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['no method', '/v1/stats\r\n\r\n'],
])('garbage gets a 4xx and the agent lives on: %s', async (_name, bytes) => {
  await listening();
  expect(await exchange(bytes)).toMatch(/^HTTP\/1\.1 4\d\d /);
  await serves();
});

test('a client that hangs up half-way is nothing to the agent', async () => {
  await listening();
  const half = await connection('POST /v1/cleanup HTTP/1.1\r\nContent-Length: 10\r\n\r\nab');
  half.destroy();
  const silent = await connection();
  silent.end();
  expect(await received(silent)).toBe('');
  await serves();
});

test('a body over the bound is refused, declared or not', async () => {
  await listening();
  expect((await ask(path, '/v1/cleanup', { method: 'POST', body: 'x'.repeat(16 * 1024 + 1) })).status).toBe(413);
  expect(await exchange('POST /v1/cleanup HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 413 /,
  );
  const endless = await connection('POST /v1/cleanup HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const timer = setInterval(() => endless.write(chunk), 1);
  // Still sending when it is cut off, it may be told by the system before it reads our answer.
  expect(await received(endless)).toMatch(/^(HTTP\/1\.1 413 |$)/);
  clearInterval(timer);
  expect((await ask(path, '/v1/cleanup', { method: 'POST', body: `{"pool":"${'x'.repeat(16_000)}"}` })).status).toBe(
    200,
  );
});

test('under a flood of half requests the oldest is dropped and the honest client is served', async () => {
  await listening({ openMax: 10, requestTimeoutMs: 60_000 });
  const flood: Socket[] = [];
  for (let i = 0; i < 10; i += 1) flood.push(await connection('GET /v1/stats HTTP/1.1\r\nX: '));
  const [oldest, ...others] = flood;
  await serves();
  if (oldest) expect(await received(oldest)).toBe('');
  expect(others.every((socket) => !socket.closed)).toBe(true);
});

test('a request that does not come in time gets 408', async () => {
  await listening({ requestTimeoutMs: 50 });
  expect(await exchange('GET /v1/stats HTT')).toMatch(/^HTTP\/1\.1 408 /);
  expect(await exchange('POST /v1/cleanup HTTP/1.1\r\nContent-Length: 10\r\n\r\nab')).toMatch(/^HTTP\/1\.1 408 /);
});

test('two hundred clients at once are all answered', async () => {
  await listening();
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(path, '/v1/stats')));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
});

test('more requests in work than there is room for are told so', async () => {
  const late = new Gate();
  const working = new Promise<void>((resolve) => {
    let count = 0;
    stats = async () => {
      count += 1;
      if (count === 3) resolve();
      await late.opened;
      return {};
    };
  });
  await listening({ openMax: 3 });
  const waiting = Array.from({ length: 3 }, () => ask(path, '/v1/stats'));
  await working;
  expect(await exchange('GET /v1/health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 503 [^]*MEMTOOL_BUSY/);
  late.open();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
  await serves();
});

test('a client that never reads is dropped after a time', async () => {
  // More than the kernel's socket buffers take.
  stats = () => Promise.resolve({ text: 'x'.repeat(4_000_000) });
  await listening({ answerTimeoutMs: 100 });
  const deaf = await connection('GET /v1/stats HTTP/1.0\r\n\r\n');
  deaf.pause();
  const [socket] = (await once(server, 'request').catch(() => [])) as { socket: Socket }[];
  if (socket) await once(socket.socket, 'close');
  expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
});

test('what clients have not read is bounded in bytes: the oldest of them is dropped', async () => {
  stats = () => Promise.resolve({ text: 'x'.repeat(4_000_000) });
  await listening({ answerTimeoutMs: 60_000, unreadBytesMax: 10_000_000 });
  const closed: Promise<unknown>[] = [];
  server.on('connection', (socket: Socket) => closed.push(once(socket, 'close')));
  for (let i = 0; i < 3; i += 1) {
    const answering = once(server, 'request');
    (await connection('GET /v1/stats HTTP/1.0\r\n\r\n')).pause();
    await answering;
  }
  await closed[0];
  stats = () => Promise.resolve({});
  await serves();
});

test('of several requests on one connection only the first is answered', async () => {
  await listening();
  const text = await exchange('GET /v1/health HTTP/1.1\r\n\r\n'.repeat(100));
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
});
