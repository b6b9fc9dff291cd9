import { EventEmitter } from 'node:events';
import type { Ledger } from '../ledger/ledger.ts';
import type { EndedScope } from './ended-scope.ts';
import { runAndClose } from './run-scope.ts';
import type { MemoryScope } from './scope.ts';
import type { QueryOptions, ScopeOptions, Scopes, TransactionOptions } from './scopes.ts';

/** The part of a MemoryManager that opens scopes. */
export abstract class ScopedEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  /** @internal */
  abstract readonly ledger: Ledger;

  /**
   * Runs a function as a query: what it takes, and what it calls and awaits takes, is charged to the query, its transaction
   * and its user as well, and refused when one of them would go over its limit. It ends when the function has returned or
   * its promise has settled; what is still held then is orphaned.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_TOO_MANY_SCOPES`, and whatever the function throws
   */
  query<Result>(name: string, options: QueryOptions, fn: (query: MemoryScope) => Result): Result {
    return runAndClose(this.openQuery(name, options), fn);
  }

  /** As `query`. Transactions of one name that are open at the same time are one account. */
  transaction<Result>(name: string, options: TransactionOptions, fn: (transaction: MemoryScope) => Result): Result {
    return runAndClose(this.openTransaction(name, options), fn);
  }

  /** As `query`. Users of one name are one account, over all their queries. */
  user<Result>(name: string, options: ScopeOptions, fn: (user: MemoryScope) => Result): Result {
    return runAndClose(this.openUser(name, options), fn);
  }

  /** As `query`, for a function inside one: a user-defined one, or code loaded at run time, with a limit of its own. */
  procedure<Result>(name: string, options: ScopeOptions, fn: (procedure: MemoryScope) => Result): Result {
    return runAndClose(this.openProcedure(name, options), fn);
  }

  /** For an engine whose queries do not run inside one callback: `close()` it, and use `run` or the `scope` option. */
  openQuery(name: string, options: QueryOptions = {}): MemoryScope {
    return this.scopes().openQuery(name, options);
  }

  /** Each `openTransaction` of a name needs a `close()`; the last one ends it. */
  openTransaction(name: string, options: TransactionOptions = {}): MemoryScope {
    return this.scopes().openTransaction(name, options);
  }

  /** Each `openUser` of a name needs a `close()`; the last one ends it, once its queries have ended too. */
  openUser(name: string, options: ScopeOptions = {}): MemoryScope {
    return this.scopes().openUser(name, options);
  }

  openProcedure(name: string, options: ScopeOptions = {}): MemoryScope {
    return this.scopes().openProcedure(name, options);
  }

  /** Runs a function in no scope: what it takes is charged to its pool alone. It may open scopes of its own. */
  untracked<Result>(fn: () => Result): Result {
    return this.ledger.scopes === undefined ? fn() : this.ledger.scopes.untracked(fn);
  }

  /** The scope that memory is charged to now. */
  get activeScope(): MemoryScope | undefined {
    return this.ledger.scopes?.active();
  }

  /** The last 256 scopes that ended, latest first. */
  endedScopes(): EndedScope[] {
    return this.ledger.scopes?.endedScopes() ?? [];
  }

  /** The manager's scopes, which begin with the first one that is opened. */
  protected abstract scopes(): Scopes;
}
