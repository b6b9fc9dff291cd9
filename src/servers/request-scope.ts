import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MemtoolError } from '../errors.ts';
import type { MemoryManager } from '../memory/manager.ts';
import type { MemoryScope } from '../memory/scope/scope.ts';
import { userName } from './scope-name.ts';

export interface RequestFacts {
  name: string;
  /** `Infinity` without. */
  limitBytes: number;
  user: () => string | number | null | undefined;
}

/**
 * The query scope of one request, from when it comes until its response has been sent or its connection has closed. What it
 * holds then is orphaned.
 *
 * A request never fails for what memtool cannot do: when all rows of scopes are taken, or the manager is closed, it runs
 * without a scope.
 */
export class RequestScope {
  private scope: MemoryScope | undefined;
  private readonly user: RequestFacts['user'];
  private asksUser = true;

  constructor(memory: MemoryManager, response: ServerResponse, facts: RequestFacts) {
    this.user = facts.user;
    // What runs now for a client that has gone would never be ended.
    if (response.destroyed || response.closed) return;
    this.scope = open(memory, facts.name, userName(facts.user()), facts.limitBytes);
    if (this.scope === undefined) return;
    this.asksUser = this.scope.user === undefined;
    const end = (): void => this.end();
    // Emitted once the response has been sent, and also when the connection closes before.
    response.once('close', end);
    // Pipelined: it has no connection until the one before it is done.
    if (response.socket !== null) return;
    onSocketClose(response.req, response, end);
    bindEvents(response, this.scope);
  }

  /** Runs a function in the scope. */
  run<Result>(fn: () => Result): Result {
    return this.scope === undefined ? fn() : this.scope.run(fn);
  }

  rename(name: string): void {
    if (this.scope?.isOpen === true) this.scope.rename(name);
  }

  /** Asks whose the request is, unless that is known: authentication may have come meanwhile. */
  askUser(): void {
    const { scope } = this;
    if (!this.asksUser || scope?.isOpen !== true) return;
    withoutFailing(() => {
      const name = userName(this.user());
      if (name === undefined) return;
      this.asksUser = false;
      scope.setUser(name);
    });
  }

  private end(): void {
    const { scope } = this;
    if (scope === undefined || !scope.isOpen) return;
    this.askUser();
    scope.close();
  }
}

function open(
  memory: MemoryManager,
  name: string,
  user: string | undefined,
  limitBytes: number,
): MemoryScope | undefined {
  const limit = limitBytes === Infinity ? {} : { limit: limitBytes };
  return withoutFailing(() => memory.openQuery(name, user === undefined ? limit : { ...limit, user }));
}

const warned = new Set<string>();

/** What cannot be done is said once for each cause, and the request goes on without it. */
function withoutFailing<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    const { code, message } =
      error instanceof MemtoolError ? error : new MemtoolError('MEMTOOL_INTERNAL', String(error));
    // That a server outlives its manager is nothing to tell.
    if (code === 'MEMTOOL_CLOSED' || warned.has(code)) return undefined;
    warned.add(code);
    process.emitWarning(`A request's memory is not counted as it should be: ${message}`, {
      type: 'MemtoolWarning',
      code,
    });
    return undefined;
  }
}

/**
 * A pipelined response is flushed, and asks for more, when the one before it has been sent: in that one's context, where a
 * stream would take its memory for another request, maybe another user's.
 */
function bindEvents(response: ServerResponse, scope: MemoryScope): void {
  const emit = response.emit.bind(response);
  response.emit = (event: string | symbol, ...values: unknown[]) => scope.run(() => emit(event, ...values));
}

/** When the connection closes, those that waited for it hear nothing. One listener a connection, however many requests wait on it. */
const waiting = new WeakMap<Socket, Set<() => void>>();

function onSocketClose({ socket }: IncomingMessage, response: ServerResponse, end: () => void): void {
  let ends = waiting.get(socket);
  if (ends === undefined) {
    const all = new Set<() => void>();
    socket.once('close', () => {
      for (const each of all) each();
    });
    waiting.set(socket, all);
    ends = all;
  }
  ends.add(end);
  response.once('close', () => ends.delete(end));
}
