import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import express, { type ErrorRequestHandler, type Express, type Request } from 'express';
import { describe, expect, test } from 'vitest';
import { expressMemory, type ExpressMemoryOptions } from '../../src/servers/express.ts';
import { makeManager } from '../memory/make-manager.ts';
import { get, listen } from './serve.ts';

const WAIT = { timeout: 20_000 };

function make(options: Partial<ExpressMemoryOptions> = {}) {
  const { memory } = makeManager();
  const app = express();
  const middleware = expressMemory({ memory, ...options });
  const name = (): string => `${memory.activeScope?.name} of ${memory.activeScope?.user?.name}`;
  const ask = async (path: string, init?: RequestInit): Promise<string> =>
    (await fetch(`http://127.0.0.1:${await port}${path}`, init)).text();
  let port: Promise<number> = Promise.reject(new Error('it does not listen'));
  port.catch(() => {});
  const start = (): Promise<number> => (port = listen(createServer(app)));
  return { memory, pool: memory.pool('query'), app, middleware, name, start, ask };
}

describe('the name', () => {
  test('is the pattern of the route: a text, a regular expression, several; none for what is only a middleware', async () => {
    const { app, middleware, name, start, ask } = make();
    app.use(middleware);
    app.get('/', (_request, response) => void response.send(name()));
    app.get('/orders/:id', (_request, response) => void response.send(name()));
    app.get(/^\/r.x$/, (_request, response) => void response.send(name()));
    app.get(['/a', '/b'], (_request, response) => void response.send(name()));
    app.post('/orders/:id', (_request, _response, next) => next());
    app.use((_request, response) => void response.send(name()));
    await start();
    expect(await ask('/')).toBe('GET / of undefined');
    expect(await ask('/orders/17?a=b')).toBe('GET /orders/:id of undefined');
    expect(await ask('/rex')).toBe('GET /^\\/r.x$/ of undefined');
    expect(await ask('/b')).toBe('GET /a|/b of undefined');
    expect(await ask('/orders/1', { method: 'POST' })).toBe('POST /orders/:id of undefined');
    expect(await ask('/none/17')).toBe('GET (no route) of undefined');
  });

  test('has what the router is mounted on; what differs in that, when it is many, is a star', async () => {
    const { app, middleware, name, start, ask } = make();
    const orders = express.Router();
    orders.get('/orders/:order', (_request, response) => void response.send(name()));
    orders.get('/', (_request, response) => void response.send(name()));
    app.use(middleware);
    app.use('/v1', orders);
    app.use('/users/:user', orders);
    await start();
    expect(await ask('/v1/orders/1')).toBe('GET /v1/orders/:order of undefined');
    expect(await ask('/v1')).toBe('GET /v1 of undefined');
    const names = new Set<string>();
    // oxlint-disable-next-line no-await-in-loop
    for (let user = 0; user < 50; user += 1) names.add(await ask(`/users/${user}/orders/1`));
    expect(names.size).toBeLessThan(6);
    expect(await ask('/users/51/orders/1')).toBe('GET /users/*/orders/:order of undefined');
    expect(await ask('/users/1/orders/1')).toBe('GET /users/*/orders/:order of undefined');
    expect(await ask('/v1/orders/1')).toBe('GET /v1/orders/:order of undefined');
  });

  test('leaves `request.route` as it is without it', async () => {
    const { app, middleware, start, ask } = make();
    app.use((request: Request, _response, next) => {
      expect(request.route).toBeUndefined();
      next();
    });
    app.use(middleware);
    app.get('/orders/:id', (request, response) => {
      const { path } = request.route;
      response.send(path);
    });
    await start();
    expect(await ask('/orders/1')).toBe('/orders/:id');
  });
});

describe('the user', () => {
  test('may be known before, by a middleware after it, or by one of the route', async () => {
    const { app, memory, middleware, name, start, ask } = make({ user: (request) => request.res?.locals['user'] });
    const know = express.Router().use(async (_request, response, next) => {
      await setImmediate();
      response.locals['user'] = 'ana';
      next();
    });
    app.get('/before', know, middleware, (_request, response) => void response.send(name()));
    app.use(middleware);
    app.get('/route', know, (_request, response) => void response.send(name()));
    app.use(know);
    app.get('/after', (_request, response) => void response.send(name()));
    await start();
    expect(await ask('/after')).toBe('GET /after of ana');
    expect(await ask('/before')).toBe('GET (no route) of ana');
    expect(await ask('/route')).toBe('GET /route of undefined');
    const ended = (): unknown => memory.endedScopes().find(({ name: each }) => each === 'GET /route')?.user;
    await expect.poll(ended, WAIT).toBe('ana');
  });
});

describe('the scope', () => {
  test('holds after a body was read, and is entered again where a middleware has lost it', async () => {
    const { app, memory, middleware, name, start, ask } = make();
    app.use(middleware);
    app.post('/json', express.json(), (request, response) => void response.send(`${name()} ${request.body.a}`));
    const lose: express.RequestHandler = (request, _response, next) => {
      request.on('end', () => memory.untracked(next));
      request.resume();
    };
    app.post('/lost', lose, (_request, response) => void response.send(name()));
    app.post('/found', lose, middleware, (_request, response) => void response.send(name()));
    await start();
    const body = { method: 'POST', body: '{"a":17}', headers: { 'content-type': 'application/json' } };
    expect(await ask('/json', body)).toBe('POST /json of undefined 17');
    expect(await ask('/lost', body)).toBe('undefined of undefined');
    expect(await ask('/found', body)).toBe('POST /found of undefined');
    await expect.poll(() => memory.ledger.scopes?.isEmpty, WAIT).toBe(true);
    expect(memory.endedScopes()).toHaveLength(3);
  });
});

const refusing = (app: Express, pool: { reserveOrThrow(bytes: number, options: { tag: string }): unknown }): void => {
  app.get('/throws', () => void pool.reserveOrThrow(11, { tag: 'secret' }));
  app.get('/rejects', async () => {
    await setImmediate();
    pool.reserveOrThrow(11, { tag: 'secret' });
  });
  app.get('/next', (_request, _response, next) => {
    try {
      pool.reserveOrThrow(11, { tag: 'secret' });
    } catch (error) {
      next(error);
    }
  });
};

const own: ErrorRequestHandler = (error, request, response, next) => {
  if (request.path === '/next') next(error);
  else response.status(error.statusCode).send('sorry');
};

describe('a refusal', () => {
  test.each(['/throws', '/rejects', '/next', '/below/throws'])('%s', async (path) => {
    const { app, middleware, pool, start } = make({ limit: 10 });
    app.use(middleware);
    refusing(app, pool);
    const below = express();
    refusing(below, pool);
    app.use('/below', below);
    const answer = await get(await start(), path);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({
      code: 'MEMTOOL_LIMIT',
      message: expect.not.stringContaining('secret'),
    });
  });

  test("goes to the program's own error handlers first, with a status", async () => {
    const { app, middleware, pool, start } = make({ limit: 10 });
    app.use(middleware);
    refusing(app, pool);
    app.use(own);
    const port = await start();
    const answer = await get(port, '/throws');
    expect([answer.status, await answer.text()]).toEqual([503, 'sorry']);
    expect((await get(port, '/next')).headers.get('retry-after')).toBe('1');
  });
});

const quiet: ErrorRequestHandler = (error, _request, response, next) => {
  if (error.message === 'a') response.status(500).send('own');
  else next(error);
};

const fail = (app: Express): Express => {
  app.get('/throws', () => {
    throw new Error('a');
  });
  app.get('/teapot', async () => {
    throw Object.assign(new Error('b'), { statusCode: 418, headers: { 'x-tea': 'green' } });
  });
  app.get('/json', (_request, response) => void response.json({ ok: true }));
  app.use(quiet);
  // The default one writes the stack to stderr.
  return app.set('env', 'test');
};

test('all other errors are what they are without it', async () => {
  const { app, middleware, start } = make({ limit: 10 });
  app.use(middleware);
  fail(app);
  const port = await start();
  const plain = await listen(createServer(fail(express())));
  for (const path of ['/throws', '/teapot', '/json', '/none']) {
    // oxlint-disable-next-line no-await-in-loop
    const [with_, without] = await Promise.all([get(port, path), get(plain, path)]);
    expect([with_.status, with_.headers.get('x-tea')]).toEqual([without.status, without.headers.get('x-tea')]);
    // oxlint-disable-next-line no-await-in-loop
    const [textWith, textWithout] = await Promise.all([with_.text(), without.text()]);
    // Of stacks the first line is the same.
    expect(textWith.split('<br>')[0]).toBe(textWithout.split('<br>')[0]);
  }
});
