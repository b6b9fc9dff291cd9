import { setImmediate } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fastifyMemory, type FastifyMemoryOptions } from '../../src/servers/fastify.ts';
import { codeOf, makeManager } from '../memory/make-manager.ts';

const WAIT = { timeout: 20_000 };

declare module 'fastify' {
  interface FastifyRequest {
    who?: string;
  }
}

function make(options: Partial<FastifyMemoryOptions> = {}) {
  const { memory } = makeManager();
  const app = fastify();
  onTestFinished(() => app.close());
  void app.register(fastifyMemory, { memory, ...options });
  const scope = (): string => `${memory.activeScope?.name} of ${memory.activeScope?.user?.name}`;
  return { memory, pool: memory.pool('query'), app, scope, port: () => listen(app) };
}

async function listen(app: FastifyInstance): Promise<string> {
  return app.listen({ port: 0 });
}

const isAsked = { user: ({ who }: { who?: string }) => who };

const know = async (request: { who?: string }): Promise<void> => {
  await setImmediate();
  request.who = 'ana';
};

describe('the user', () => {
  test('may be known before the plugin is asked, in a hook after it, or only in one of the route', async () => {
    const { app, scope, memory, port } = make(isAsked);
    app.get('/shared', () => scope());
    app.get('/route', { preHandler: know }, () => scope());
    await app.register(async (below) => {
      below.addHook('onRequest', know);
      below.get('/below', () => scope());
    });
    const url = await port();
    expect(await (await fetch(`${url}/shared`)).text()).toBe('GET /shared of undefined');
    expect(await (await fetch(`${url}/below`)).text()).toBe('GET /below of ana');
    // Its own hooks come after all others: so it is asked again at the end.
    expect(await (await fetch(`${url}/route`)).text()).toBe('GET /route of undefined');
    const ended = (): unknown =>
      memory.endedScopes().flatMap(({ kind, name, user }) => (kind === 'query' ? [[name, user]] : []));
    await expect.poll(ended, WAIT).toEqual([
      ['GET /route', 'ana'],
      ['GET /below', 'ana'],
      ['GET /shared', null],
    ]);
  });
});

describe('the scope', () => {
  test('holds in all hooks, in parsers of bodies, in the handler, and while the answer is made', async () => {
    const { app, memory, port } = make();
    const seen: Record<string, string | undefined> = {};
    const note = (where: string): void => {
      seen[where] = memory.activeScope?.name;
    };
    app.addHook('onRequest', async () => note('onRequest'));
    app.addHook('preParsing', async () => note('preParsing'));
    app.addHook('preValidation', async () => note('preValidation'));
    app.addHook('preHandler', (_request, _reply, next) => {
      note('preHandler');
      next();
    });
    app.addHook('preSerialization', async (_request, _reply, payload) => {
      note('preSerialization');
      return payload;
    });
    app.addHook('onSend', async (_request, _reply, payload) => {
      note('onSend');
      return payload;
    });
    app.addContentTypeParser('text/lines', async (_request: unknown, payload: AsyncIterable<Buffer>) => {
      let text = '';
      for await (const chunk of payload) text += String(chunk);
      note('parser');
      return text.split('\n');
    });
    app.post('/lines', async (request) => {
      await setImmediate();
      note('handler');
      return { lines: request.body };
    });
    const answer = await fetch(`${await port()}/lines`, {
      method: 'POST',
      headers: { 'content-type': 'text/lines' },
      body: 'a\nb',
    });
    expect(await answer.json()).toEqual({ lines: ['a', 'b'] });
    expect(Object.keys(seen)).toHaveLength(8);
    expect(new Set(Object.values(seen))).toEqual(new Set(['POST /lines']));
  });

  test('is there however the plugin and the routes are declared, and below', async () => {
    const { app, scope, port } = make();
    app.get('/first', () => scope());
    await app.register(
      async (below) => {
        below.get('/:id', () => scope());
      },
      { prefix: '/below' },
    );
    const url = await port();
    expect(await (await fetch(`${url}/first`)).text()).toBe('GET /first of undefined');
    expect(await (await fetch(`${url}/below/17`)).text()).toBe('GET /below/:id of undefined');
  });

  test('of a path that no route has is named so', async () => {
    const { app, memory, port } = make();
    app.setNotFoundHandler(() => memory.activeScope?.name);
    expect(await (await fetch(`${await port()}/a/b/${Math.random()}`)).text()).toBe('GET (no route)');
  });

  test('ends with a reply that was hijacked', async () => {
    const { app, memory, pool, port } = make();
    app.get('/raw', (_request, reply) => {
      reply.hijack();
      const held = pool.reserveOrThrow(10);
      reply.raw.on('close', () => held.free());
      reply.raw.end(`raw ${memory.activeScope?.usedBytes}`);
    });
    expect(await (await fetch(`${await port()}/raw`)).text()).toBe('raw 10');
    await expect.poll(() => memory.endedScopes().map(({ name }) => name), WAIT).toEqual(['GET /raw']);
    expect(memory.usedBytes).toBe(0);
  });

  test('ends with requests that are injected', async () => {
    const { app, memory, scope } = make();
    app.get('/orders/:id', () => scope());
    expect((await app.inject('/orders/17')).body).toBe('GET /orders/:id of undefined');
    await expect.poll(() => memory.ledger.scopes?.isEmpty, WAIT).toBe(true);
  });
});

describe('a refusal', () => {
  test('by a hook is a 503 too', async () => {
    const { app, pool, port } = make({ limit: 10 });
    app.get('/', { preHandler: async () => void pool.reserveOrThrow(11) }, () => 'ok');
    const answer = await fetch(await port());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  });

  test("goes through the program's own error handler, with a status and Retry-After", async () => {
    const { app, pool, port } = make({ limit: 10 });
    app.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      const text = request.url === '/echo' ? error.message : 'sorry';
      return reply.code(error.statusCode ?? 500).send(text);
    });
    app.get('/', () => void pool.reserveOrThrow(11, { tag: 'secret' }));
    app.get('/echo', () => void pool.reserveOrThrow(11, { tag: 'secret' }));
    const url = await port();
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([503, '1', 'sorry']);
    const echo = await fetch(`${url}/echo`);
    expect([echo.status, echo.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await echo.json()).toMatchObject({ code: 'MEMTOOL_LIMIT' });
  });

  test('that the handler deals with is none', async () => {
    const { app, pool, port } = make({ limit: 10 });
    app.get('/', () => (pool.reserve(11) === undefined ? 'without' : 'with'));
    const answer = await fetch(await port());
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([200, null, 'without']);
  });
});

const fail = (app: FastifyInstance): FastifyInstance => {
  app.get('/throws', () => {
    throw new Error('a');
  });
  app.get('/teapot', async () => {
    throw Object.assign(new Error('b'), { statusCode: 418 });
  });
  app.get('/json', () => ({ ok: true }));
  return app;
};

test('all other errors are what they are without it', async () => {
  const plain = fail(fastify());
  const { app } = make({ limit: 10 });
  fail(app);
  for (const path of ['/throws', '/teapot', '/json', '/none']) {
    // oxlint-disable-next-line no-await-in-loop
    const [with_, without] = await Promise.all([app.inject(path), plain.inject(path)]);
    expect([with_.statusCode, with_.body]).toEqual([without.statusCode, without.body]);
  }
});

test('what cannot be is said when the plugin is registered', async () => {
  const { memory } = makeManager();
  const ready = async (options: object): Promise<unknown> => {
    const app = fastify();
    void app.register(fastifyMemory, { memory, ...options });
    try {
      return await app.ready();
    } catch (error) {
      return codeOf(() => {
        throw error;
      });
    }
  };
  expect(await ready({ limit: 'much' })).toBe('MEMTOOL_INVALID_OPTION');
  expect(await ready({ retryAfterSeconds: -1 })).toBe('MEMTOOL_INVALID_OPTION');
  expect(await ready({ shedAt: 'normal' })).toBe('MEMTOOL_INVALID_OPTION');
  expect(await ready({ shedAt: 'critical', shedPool: 'none' })).toBe('MEMTOOL_UNKNOWN_POOL');
});
