/** One line for Fastify: a query scope a request, with a limit that answers 503. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerOptions } from './options.ts';
import { isRefusal, refusalBody } from './refusal.ts';
import { RequestMemory } from './request-memory.ts';
import type { RequestScope } from './request-scope.ts';
import { requestName } from './scope-name.ts';

export type { ServerOptions } from './options.ts';

export type FastifyMemoryOptions = ServerOptions<FastifyRequest>;

const SCOPE: unique symbol = Symbol('memtool.scope');
const REFUSED: unique symbol = Symbol('memtool.refused');

/** What the plugin keeps at a request. */
interface Marked {
  [SCOPE]: RequestScope | null;
  [REFUSED]: Error | null;
}

/**
 * A plugin: `app.register(fastifyMemory, { memory, limit: '10MB', user: (request) => request.user?.id })`. It counts for the
 * instance that registers it and all below. Each request is a query, named by its route.
 */
export const fastifyMemory: FastifyPluginAsync<FastifyMemoryOptions> = async (app, options) => {
  const requests = new RequestMemory(options);
  app.decorateRequest(SCOPE, null);
  app.decorateRequest(REFUSED, null);

  app.addHook('onRequest', (request, reply, next) => {
    if (requests.isShedding) {
      void reply
        .code(503)
        .header('retry-after', requests.retryAfterSeconds)
        .type('application/json; charset=utf-8')
        .send(refusalBody(requests.retryAfterSeconds));
      return;
    }
    const scope = requests.open(request, reply.raw, requestName(request.method, request.routeOptions.url));
    marked(request)[SCOPE] = scope;
    scope.run(next);
  });

  // The body arrives in the connection's context, not in the request's.
  app.addHook('preValidation', (request, _reply, next) => {
    const scope = marked(request)[SCOPE];
    if (scope === null) next();
    else scope.run(next);
  });

  if (options.user !== undefined) {
    app.addHook('preHandler', (request, _reply, next) => {
      marked(request)[SCOPE]?.askUser();
      next();
    });
  }

  // Before the error handlers, the program's own included, which take the status from the error.
  app.addHook('onError', (request, reply, error, next) => {
    if (isRefusal(error)) {
      marked(request)[REFUSED] = error;
      reply.header('retry-after', requests.retryAfterSeconds);
    }
    next();
  });

  // Fastify's own handler sends the error's message, which is for the log only.
  app.addHook('onSend', (request, reply, payload, next) => {
    const error = marked(request)[REFUSED];
    if (error === null || !repeats(payload, error)) next(null, payload);
    else next(null, withoutMessage(reply, requests.retryAfterSeconds));
  });
};

/** As fastify-plugin does it: the hooks are those of the instance that registers it, not of one of its own. */
Object.assign(fastifyMemory, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'memtool',
  [Symbol.for('plugin-meta')]: { name: 'memtool', fastify: '>=4' },
});

export default fastifyMemory;

function marked(request: FastifyRequest): FastifyRequest & Marked {
  // The decorators are there before the first request.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return request as FastifyRequest & Marked;
}

function repeats(payload: unknown, { message }: Error): boolean {
  return typeof payload === 'string' && payload.includes(JSON.stringify(message).slice(1, -1));
}

function withoutMessage(reply: FastifyReply, retryAfterSeconds: number): string {
  reply.type('application/json; charset=utf-8');
  return refusalBody(retryAfterSeconds);
}
