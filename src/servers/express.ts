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

const SCOPE: unique symbol = Symbol('memtool.scope');
const ROUTE: unique symbol = Symbol('memtool.route');
const ROUTED: unique symbol = Symbol('memtool.routed');

/** What is kept at a request. Not in a WeakMap: short-lived keys make each collection longer. */
interface Marked extends Request {
  /** Whichever of several middlewares opened it. */
  [SCOPE]?: RequestScope;
  [ROUTE]?: unknown;
  [ROUTED]?: (route: unknown) => void;
}

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

  return function memory(request: Marked, response, next) {
    const opened = request[SCOPE];
    if (opened !== undefined) return opened.run(next);
    if (!apps.has(request.app)) {
      apps.add(request.app);
      request.app.use(answerRefusal);
      // `app.request`, which Express' types do not have.
      Object.defineProperty(Object.getPrototypeOf(request), 'route', routeProperty);
    }
    if (requests.isShedding) return requests.refuse(response);
    const scope = requests.open(request, response, requestName(request.method, undefined));
    request[SCOPE] = scope;
    request[ROUTED] = (route) => {
      scope.rename(requestName(request.method, patterns.of(route, request.baseUrl)));
      scope.askUser();
    };
    scope.run(next);
  };
}

export default expressMemory;

/**
 * Express says which route it has found by setting `request.route`, and in no other way to all its versions. Defined once for
 * each application, on what Express makes its requests inherit from so that they can be extended: defined on each request it
 * took as long as Express itself.
 */
const routeProperty: PropertyDescriptor & ThisType<Marked> = {
  configurable: true,
  enumerable: true,
  get() {
    return this[ROUTE];
  },
  set(route: unknown) {
    this[ROUTE] = route;
    this[ROUTED]?.(route);
  },
};
