/** One line for `node:http`: a query scope a request, with a limit that answers 503. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { types } from 'node:util';
import type { ServerOptions } from './options.ts';
import { isRefusal } from './refusal.ts';
import { RequestMemory } from './request-memory.ts';
import { requestName } from './scope-name.ts';

export type { ServerOptions } from './options.ts';

export interface HttpMemoryOptions<Incoming = IncomingMessage> extends ServerOptions<Incoming> {
  /** The pattern that a request's path matches, such as '/orders/:id': not the path itself, which would make a name a request. */
  route?: (request: Incoming) => string | undefined;
}

/**
 * A request listener that runs another one with each request in a query scope: `createServer(httpMemory(handler, { memory }))`.
 * What the handler throws or rejects with because memory was refused becomes a 503; all else is as without it.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_UNKNOWN_POOL`
 */
export function httpMemory<Incoming extends IncomingMessage, Outgoing extends ServerResponse>(
  handler: (request: Incoming, response: Outgoing) => unknown,
  options: HttpMemoryOptions<Incoming>,
): (request: Incoming, response: Outgoing) => unknown {
  const requests = new RequestMemory(options);
  const { route } = options;
  return function answer(this: unknown, request, response) {
    if (requests.isShedding) return requests.refuse(response);
    const scope = requests.open(request, response, requestName(request.method, route?.(request)));
    const orRefuse = (error: unknown): void => {
      if (!isRefusal(error)) throw error;
      requests.refuse(response);
    };
    try {
      const result = scope.run(() => Reflect.apply(handler, this, [request, response]));
      // Returned, as a server with `captureRejections` looks at what its listeners return.
      return types.isPromise(result) ? result.then(undefined, orRefuse) : result;
    } catch (error) {
      return orRefuse(error);
    }
  };
}
