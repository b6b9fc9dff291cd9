import { AsyncLocalStorage } from 'node:async_hooks';
import { MemtoolError } from '../../errors.ts';
import type { ScopeKind } from '../../report/scopes.ts';
import { RECORD_SCOPE, TALLY_REJECTIONS } from '../ledger/layout.ts';
import { limitBytes } from '../manager-options.ts';
import { checkName } from '../name.ts';
import type { PoolOwner } from '../pool-options.ts';
import type { Batch } from './batch.ts';
import type { EndedScope } from './ended-scope.ts';
import { checkScope } from './check-scope.ts';
import { accountName, MemoryScope } from './scope.ts';
import { ScopeRows } from './scope-rows.ts';

export interface ScopeOptions {
  /** Bytes, or a text such as '10MB'. Default: only what it hangs on limits it. */
  limit?: number | string;
}

export interface TransactionOptions extends ScopeOptions {
  /** A transaction belongs to one user. */
  user?: string;
}

export interface QueryOptions extends TransactionOptions {
  transaction?: string;
}

/** What the scopes need of their manager. */
export interface ScopesOwner extends PoolOwner {
  /** A scope has ended; `ended` says what is left in it. */
  scopeEnded(scope: MemoryScope, ended: EndedScope): void;
  releaseAllLost(): void;
  releaseAllOrphaned(): void;
}

/** Summaries of ended scopes that are kept. */
const ENDED_MAX = 256;

/** The active scope where there is none: stepped out of by `untracked`. */
const NONE = null;

/** The scopes of one manager: opens and ends them, finds the active one, and knows what each record is charged to. */
export class Scopes {
  readonly owner: ScopesOwner;
  private readonly rows: ScopeRows;
  private readonly storage = new AsyncLocalStorage<MemoryScope | typeof NONE>();
  /** @internal */
  readonly byRow: (MemoryScope | undefined)[] = [];
  /** Users and transactions that are open, by name: queries of the same name share them. */
  private readonly users = new Map<string, MemoryScope>();
  private readonly transactions = new Map<string, MemoryScope>();
  private readonly batches = new Map<MemoryScope, Set<Batch>>();
  private readonly ended: EndedScope[] = [];
  private endedNext = 0;

  constructor(owner: ScopesOwner) {
    this.owner = owner;
    this.rows = new ScopeRows(owner.ledger);
  }

  /** The scope that memory is charged to now. Code that outlives its scope is charged to what that hung on. */
  active(): MemoryScope | undefined {
    const scope = this.storage.getStore() ?? undefined;
    return scope === undefined || scope.isOpen ? scope : scope.chain.find(({ isOpen }) => isOpen);
  }

  /**
   * Charges a record to the scope that runs. Part of the hot path.
   *
   * @returns its row, 0 without one, and -1 when that needs a closer look
   */
  charge(bytes: number): number {
    const scope = this.storage.getStore() ?? undefined;
    if (scope === undefined) return 0;
    return scope.isOpen && scope.charges(bytes) ? scope.row : -1;
  }

  runIn<Result>(scope: MemoryScope, fn: () => Result): Result {
    return this.storage.run(scope, fn);
  }

  /** Runs a function in no scope: what it takes is charged to its pool alone. */
  untracked<Result>(fn: () => Result): Result {
    return this.storage.run(NONE, fn);
  }

  openQuery(name: string, options: QueryOptions): MemoryScope {
    return this.open('query', name, options);
  }

  openProcedure(name: string, options: ScopeOptions): MemoryScope {
    return this.open('procedure', name, options);
  }

  /** A user or transaction that is open already under that name is the same account; it ends when all its holders have. */
  openUser(name: string, options: ScopeOptions): MemoryScope {
    this.owner.assertOpen();
    return this.orNoTrace({ user: name }, () => this.holdByName(this.user(name), options));
  }

  openTransaction(name: string, options: TransactionOptions): MemoryScope {
    this.owner.assertOpen();
    return this.orNoTrace({ ...options, transaction: name }, () => {
      const user = options.user === undefined ? undefined : this.user(options.user);
      return this.holdByName(this.transactionOf(name, user, this.active()), options);
    });
  }

  /** Ends one hold; the scope ends with the last one. What hangs on it cannot be closed from here. */
  close(scope: MemoryScope): void {
    if (scope.holds === 0) return;
    scope.holds -= 1;
    this.endIfDone(scope);
  }

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED` */
  rename(scope: MemoryScope, name: string): void {
    checkScope(scope, this.owner.ledger);
    checkName(name, `A ${scope.kind}`);
    if (scope.name === name) return;
    if (isFoundByName(scope)) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The ${scope.kind} ${scope.name} cannot be renamed.`, {
        hint: 'Users and transactions are found by their names; only queries and procedures get another.',
      });
    }
    scope.showName(name);
  }

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`, `MEMTOOL_TOO_MANY_SCOPES` */
  setUser(scope: MemoryScope, name: string): boolean {
    checkScope(scope, this.owner.ledger);
    if (scope.user !== undefined) return scope.user.name === name;
    // What hangs on it is not charged to a user, so that giving it back would take from the user what was never there.
    if (scope.kind !== 'query' || scope.transaction !== undefined || scope.dependents > 0) return false;
    const isNew = !this.users.has(name);
    const user = this.user(name);
    // First, so that it stays open while room is made.
    user.dependents += 1;
    if (scope.ownBytes > 0 && !user.admits(scope.ownBytes)) {
      user.dependents -= 1;
      if (isNew) this.discardIdle(this.users, name);
      else this.endIfDone(user);
      return false;
    }
    // Asked again: making room may have released something of it.
    user.commit(scope.ownBytes);
    scope.showUser(user);
    return true;
  }

  /** @throws MemtoolError `MEMTOOL_SCOPE_ENDED` */
  addBatch(scope: MemoryScope, batch: Batch): void {
    checkScope(scope, this.owner.ledger);
    const batches = this.batches.get(scope) ?? new Set();
    this.batches.set(scope, batches.add(batch));
  }

  /** A batch was freed: nothing of it is kept. */
  dropBatch(scope: MemoryScope, batch: Batch): void {
    const batches = this.batches.get(scope);
    if (batches?.delete(batch) === true && batches.size === 0) this.batches.delete(scope);
  }

  /** A record that is charged to the scope of this row is freed. @internal */
  leave(row: number, bytes: number): void {
    const scope = this.byRow[row];
    if (scope === undefined) return;
    scope.release(bytes);
    scope.live -= 1;
    this.retireIfDone(scope);
  }

  /** The scope a record is charged to. @internal */
  of(record: number): MemoryScope | undefined {
    return this.byRow[this.owner.ledger.words[(record << 3) + RECORD_SCOPE]!];
  }

  atRow(row: number): MemoryScope | undefined {
    return this.byRow[row];
  }

  releaseLost(): void {
    this.owner.releaseAllLost();
  }

  /** From now on users and transactions are shared with other threads by name. */
  share(): void {
    for (const scope of [...this.users.values(), ...this.transactions.values()]) scope.joinByName();
  }

  /** Brings the levels of what is shared up to date with what other threads have charged. */
  settleShared(): void {
    for (const scope of [...this.users.values(), ...this.transactions.values()]) scope.settleLevel();
  }

  /** Whether none is open, and none that has ended holds anything. */
  get isEmpty(): boolean {
    return this.byRow.every((scope) => scope === undefined);
  }

  /** The last few hundred that ended, latest first. */
  endedScopes(): EndedScope[] {
    return [...this.ended.slice(this.endedNext), ...this.ended.slice(0, this.endedNext)].toReversed();
  }

  private open(kind: ScopeKind, name: string, options: QueryOptions): MemoryScope {
    this.owner.assertOpen();
    checkName(name, `A ${kind}`);
    const limit = limitBytes(options.limit, 'limit');
    const parent = this.active();
    return this.orNoTrace(options, () => {
      const named = options.user === undefined ? undefined : this.user(options.user);
      const transaction =
        options.transaction === undefined
          ? ofKind(parent, 'transaction')
          : this.transactionOf(options.transaction, named, parent);
      const user = named ?? transaction?.user ?? ofKind(parent, 'user');
      const scope = this.make(kind, name, limit, { parent, user, transaction });
      scope.holds = 1;
      return scope;
    });
  }

  private holdByName(scope: MemoryScope, { limit }: ScopeOptions): MemoryScope {
    if (limit !== undefined) scope.setLimit(limitBytes(limit, 'limit'));
    scope.holds += 1;
    return scope;
  }

  /** Opens a scope. When that fails, the user and transaction that were made for it go again, as if never asked for. */
  private orNoTrace({ user, transaction }: QueryOptions, open: () => MemoryScope): MemoryScope {
    try {
      return open();
    } catch (error) {
      this.discardIdle(this.transactions, transaction);
      this.discardIdle(this.users, user);
      throw error;
    }
  }

  private discardIdle(named: Map<string, MemoryScope>, name: string | undefined): void {
    const scope = name === undefined ? undefined : named.get(name);
    if (scope === undefined || scope.holds + scope.dependents > 0) return;
    named.delete(scope.name);
    scope.isOpen = false;
    scope.leaveByName();
    this.giveBack(scope);
  }

  private user(name: string): MemoryScope {
    const known = this.users.get(name);
    if (known !== undefined) return known;
    checkName(name, 'A user');
    this.owner.assertOpen();
    const user = this.make('user', name, Infinity, { parent: undefined, user: undefined, transaction: undefined });
    this.users.set(name, user);
    user.joinByName();
    return user;
  }

  /** A new transaction belongs to the named user, else to the one it is opened for the work of. */
  private transactionOf(name: string, named: MemoryScope | undefined, active: MemoryScope | undefined): MemoryScope {
    const asked = named ?? ofKind(active, 'user');
    const known = this.transactions.get(name);
    if (known !== undefined) {
      const mayShare = named === undefined && known.user === undefined;
      if (asked === undefined || known.user === asked || mayShare) return known;
      throw belongsToAnother(name, known.user?.name, asked.name);
    }
    checkName(name, 'A transaction');
    this.owner.assertOpen();
    const user = this.userOf(name, asked, named !== undefined);
    const transaction = this.make('transaction', name, Infinity, { parent: undefined, user, transaction: undefined });
    this.transactions.set(name, transaction);
    transaction.joinByName();
    return transaction;
  }

  /** Whom a transaction that is new here belongs to: in other threads it may be open already. */
  private userOf(transaction: string, asked: MemoryScope | undefined, isNamed: boolean): MemoryScope | undefined {
    const account = this.owner.sharing?.named.peek(accountName('transaction', transaction));
    const elsewhere = account === undefined ? undefined : this.rows.userNameOf(account);
    if (elsewhere === undefined || elsewhere === asked?.name) return asked;
    const mayShare = !isNamed && elsewhere === null;
    if (asked !== undefined && !mayShare) throw belongsToAnother(transaction, elsewhere ?? undefined, asked.name);
    return elsewhere === null ? undefined : this.user(elsewhere);
  }

  private make(
    kind: ScopeKind,
    name: string,
    limit: number,
    parents: { parent: MemoryScope | undefined; user: MemoryScope | undefined; transaction: MemoryScope | undefined },
  ): MemoryScope {
    // What was lost or orphaned may be all that keeps the rows of ended scopes: a leak must not stop the program.
    if (this.rows.isFull) this.owner.releaseAllLost();
    if (this.rows.isFull) this.owner.releaseAllOrphaned();
    const scope = new MemoryScope(this, this.rows, kind, name, limit, parents);
    this.byRow[scope.row] = scope;
    for (const above of hangsOn(scope)) above.dependents += 1;
    return scope;
  }

  /** Users and transactions are open while anything is that belongs to them; a query does not wait for its procedures. */
  private endIfDone(scope: MemoryScope): void {
    if (!scope.isOpen || scope.holds > 0 || (isFoundByName(scope) && scope.dependents > 0)) return;
    this.end(scope);
  }

  private end(scope: MemoryScope): void {
    for (const batch of this.batches.get(scope) ?? []) batch.free();
    this.batches.delete(scope);
    const summary = summarize(scope);
    scope.isOpen = false;
    scope.leaveByName();
    if (scope.kind === 'user') this.users.delete(scope.name);
    if (scope.kind === 'transaction') this.transactions.delete(scope.name);
    for (const above of scope.chain) {
      if (above === scope) continue;
      above.takenBelowBytes += scope.takenBytes;
      above.takenBelowCount += scope.takenCount;
    }
    this.ended[this.endedNext] = summary;
    this.endedNext = (this.endedNext + 1) % ENDED_MAX;
    this.rows.end(scope.row);
    this.owner.scopeEnded(scope, summary);
    this.retireIfDone(scope);
  }

  /** Nothing is charged to an ended scope any more: its row serves another, and what it hung on has one dependent less. */
  retireIfDone(scope: MemoryScope): void {
    if (scope.isOpen || scope.live > 0 || scope.dependents > 0 || this.byRow[scope.row] !== scope) return;
    this.giveBack(scope);
    for (const above of hangsOn(scope)) {
      this.endIfDone(above);
      this.retireIfDone(above);
    }
  }

  private giveBack(scope: MemoryScope): void {
    this.byRow[scope.row] = undefined;
    scope.retire();
    this.rows.giveBack(scope.row);
    for (const above of hangsOn(scope)) above.dependents -= 1;
  }
}

function belongsToAnother(transaction: string, owner: string | undefined, asked: string): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    `Transaction ${transaction} belongs to ${owner === undefined ? 'no user' : `user ${owner}`}, not to user ${asked}.`,
    { hint: 'Name transactions so that no two users share one.' },
  );
}

/** One account for all that are open under that name. */
function isFoundByName({ kind }: MemoryScope): boolean {
  return kind === 'user' || kind === 'transaction';
}

/** The scopes that must outlive it, each once. */
function hangsOn({ parent, user, transaction }: MemoryScope): MemoryScope[] {
  // A server opens and closes one for each request: a Set of them took an eighth of that time.
  const above = parent === undefined ? [] : [parent];
  if (user !== undefined && user !== parent) above.push(user);
  if (transaction !== undefined && transaction !== parent) above.push(transaction);
  return above;
}

function ofKind(scope: MemoryScope | undefined, kind: ScopeKind): MemoryScope | undefined {
  return scope?.chain.find((above) => above.kind === kind);
}

function summarize(scope: MemoryScope): EndedScope {
  return {
    kind: scope.kind,
    name: scope.name,
    user: scope.user?.name ?? null,
    transaction: scope.transaction?.name ?? null,
    peakBytes: scope.peakBytes,
    takenBytes: scope.takenBytes + scope.takenBelowBytes,
    takenCount: scope.takenCount + scope.takenBelowCount,
    rejections: scope.figure(TALLY_REJECTIONS),
    durationSeconds: scope.ageSeconds,
    leftBytes: scope.ownBytes,
    leftCount: scope.live,
  };
}
