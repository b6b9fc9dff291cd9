/** One line for Express: a query scope a request, with a limit that answers 503. */
import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import type { ServerOptions } from './options.ts';
import { isRefusal } from './refusal.ts';
import { RequestMemory } from './request-memory.ts';
import type { RequestScope } from './request-scope.ts';
import { RoutePatterns } from './route-pattern.ts';
import { requestName } from './scope-name.ts';

export type { ServerOptions } from './options.ts';

export type ExpressMemoryOptions = ServerOptions<Request>;

/** The scopes of requests, whichever of several middlewares opened them. */
const scopes = new WeakMap<Request, RequestScope>();

/**
 * A middleware: `app.use(expressMemory({ memory, limit: '10MB', user: (request) => request.user?.id }))`, before the routes.
 * Each request is a query, named by its route. Used again after a middleware that loses the async context, it goes back into
 * the request's scope.
 *
 * With the first request it adds an error handler behind all others, which answers what has been refused and nobody else has
 * answered.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_UNKNOWN_POOL`
 */
export function expressMemory(options: ExpressMemoryOptions): RequestHandler {
  const requests = new RequestMemory(options);
  const patterns = new RoutePatterns();
  const apps = new WeakSet();

  const answerRefusal: ErrorRequestHandler = (error, _request, response, next) => {
    if (isRefusal(error) && !response.headersSent) requests.refuse(response);
    else next(error);
  };

  return function memory(request, response, next) {
    const opened = scopes.get(request);
    if (opened !== undefined) return opened.run(next);
    if (!apps.has(request.app)) {
      apps.add(request.app);
      request.app.use(answerRefusal);
    }
    if (requests.isShedding) return requests.refuse(response);
    const scope = requests.open(request, response, requestName(request.method, undefined));
    scopes.set(request, scope);
    onRoute(request, (route) => {
      scope.rename(requestName(request.method, patterns.of(route, request.baseUrl)));
      scope.askUser();
    });
    scope.run(next);
  };
}

export default expressMemory;

/** Express says which route it has found by setting `request.route`, and in no other way to all its versions. */
function onRoute(request: Request, tell: (route: unknown) => void): void {
  let found: unknown;
  Object.defineProperty(request, 'route', {
    configurable: true,
    enumerable: true,
    get: () => found,
    set: (route: unknown) => {
      found = route;
      tell(route);
    },
  });
}
