import { DEFAULT_THRESHOLDS, nextLevel } from '../../../src/memory/level.ts';
import type { Level } from '../../../src/report/level.ts';
import type { ScopeKind } from '../../../src/report/scopes.ts';

/** An account as plain numbers. */
export class ModelAccount {
  level: Level = 'normal';
  usedBytes = 0;
  peakBytes = 0;
  rejections = 0;

  private limit: number;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get limitBytes(): number {
    return this.limit;
  }

  set limitBytes(bytes: number) {
    this.limit = bytes;
    this.settleLevel();
  }

  charge(bytes: number): void {
    this.usedBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes);
    this.settleLevel();
  }

  private settleLevel(): void {
    this.level = nextLevel(this.level, this.usedBytes, this.limit, DEFAULT_THRESHOLDS);
  }
}

/** What became of a handle. `lost`: found by the collector, not yet released; `gone`: uncharged by a cleanup. */
type ModelState = 'held' | 'freed' | 'lost' | 'gone' | 'revoked';

export interface ModelHandle {
  kind: 'reservation' | 'allocation';
  pool: number;
  scope: ModelScope | undefined;
  bytes: number;
  birthSeconds: number;
  state: ModelState;
}

export class ModelScope extends ModelAccount {
  readonly kind: ScopeKind;
  readonly name: string;
  readonly parent: ModelScope | undefined;
  readonly user: ModelScope | undefined;
  readonly transaction: ModelScope | undefined;
  /** Itself and everything it is charged with. */
  readonly chain: ReadonlySet<ModelScope>;
  holds = 0;
  isOpen = true;

  constructor(
    kind: ScopeKind,
    name: string,
    limitBytes: number,
    parent?: ModelScope,
    user?: ModelScope,
    transaction?: ModelScope,
  ) {
    super(limitBytes);
    this.kind = kind;
    this.name = name;
    this.parent = parent;
    this.user = user;
    this.transaction = transaction;
    this.chain = new Set([this, ...(parent?.chain ?? []), ...(transaction?.chain ?? []), ...(user?.chain ?? [])]);
  }

  get isShared(): boolean {
    return this.kind === 'user' || this.kind === 'transaction';
  }

  ofKind(kind: ScopeKind): ModelScope | undefined {
    return [...this.chain].find((above) => above.kind === kind);
  }
}

/** Pools, scopes and handles as lists: who is charged, what is granted, which scopes are open. */
export class ModelScopes {
  readonly pools: ModelAccount[];
  limitBytes: number;
  readonly scopes: ModelScope[] = [];
  readonly handles: ModelHandle[] = [];
  nowSeconds = 0;

  constructor(poolLimits: readonly number[], limitBytes: number) {
    this.pools = poolLimits.map((limit) => new ModelAccount(limit));
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.pools.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  }

  pool(index: number): ModelAccount {
    const pool = this.pools[index];
    if (pool === undefined) throw new Error(`no pool ${index}`);
    return pool;
  }

  openByName(kind: ScopeKind, name: string | undefined): ModelScope | undefined {
    return this.scopes.find((scope) => scope.isOpen && scope.kind === kind && scope.name === name);
  }

  /** @returns `undefined` when a transaction of another user is asked for: then nothing is made */
  open(
    kind: ScopeKind,
    name: string,
    limitBytes: number | undefined,
    active: ModelScope | undefined,
    userName: string | undefined,
    transactionName: string | undefined,
  ): ModelScope | undefined {
    const named = kind === 'user' ? name : userName;
    const transactionAsked = kind === 'transaction' ? name : transactionName;
    const known = this.openByName('transaction', transactionAsked);
    const inherited = active?.ofKind('user');
    if (known !== undefined) {
      const isOthers = named !== undefined ? known.user?.name !== named : known.user !== inherited;
      if (isOthers && (named !== undefined || (known.user !== undefined && inherited !== undefined))) return undefined;
    }
    const user = named === undefined ? undefined : this.shared('user', named, undefined);
    const transaction =
      transactionAsked === undefined
        ? undefined
        : (known ?? this.shared('transaction', transactionAsked, user ?? inherited));
    let scope = kind === 'user' ? user : transaction;
    if (kind === 'query' || kind === 'procedure') {
      const ownTransaction = transaction ?? active?.ofKind('transaction');
      const ownUser = user ?? ownTransaction?.user ?? inherited;
      scope = new ModelScope(kind, name, limitBytes ?? Infinity, active, ownUser, ownTransaction);
      this.scopes.push(scope);
    }
    if (scope === undefined) throw new Error('nothing to open');
    if (limitBytes !== undefined) scope.limitBytes = limitBytes;
    scope.holds += 1;
    return scope;
  }

  close(scope: ModelScope): void {
    if (scope.holds > 0) scope.holds -= 1;
    this.settle();
  }

  /** Whether anything is charged to it or hangs on it. */
  isInUse(scope: ModelScope): boolean {
    return (
      scope.isOpen ||
      this.handles.some((handle) => handle.scope === scope && isCharged(handle)) ||
      this.scopes.some((other) => other !== scope && hangsOn(other, scope) && this.isInUse(other))
    );
  }

  request(kind: ModelHandle['kind'], pool: number, scope: ModelScope | undefined, bytes: number): boolean {
    if (!this.admits(pool, scope, bytes)) return false;
    const birthSeconds = this.nowSeconds;
    // A scope that ended while room was made is charged nothing.
    const charged = scope?.isOpen === true ? scope : undefined;
    this.handles.push({ kind, pool, scope: charged, bytes, birthSeconds, state: 'held' });
    this.charge(pool, charged, bytes);
    return true;
  }

  grow(handle: ModelHandle, bytes: number): boolean {
    if (handle.state !== 'held' || !this.admits(handle.pool, handle.scope, bytes)) return false;
    this.charge(handle.pool, handle.scope, bytes);
    handle.bytes += bytes;
    return true;
  }

  shrink(handle: ModelHandle, bytes: number): void {
    this.charge(handle.pool, handle.scope, -bytes);
    handle.bytes -= bytes;
  }

  transfer(handle: ModelHandle, index: number): boolean {
    if (handle.state !== 'held') return false;
    if (handle.pool === index) return true;
    const to = this.pool(index);
    if (to.usedBytes + handle.bytes > to.limitBytes && handle.bytes <= to.limitBytes)
      this.releaseLost((pool) => pool === index);
    if (to.usedBytes + handle.bytes > to.limitBytes) {
      to.rejections += 1;
      return false;
    }
    to.charge(handle.bytes);
    this.pool(handle.pool).charge(-handle.bytes);
    handle.pool = index;
    return true;
  }

  end(handle: ModelHandle, state: ModelState): void {
    if (isCharged(handle)) this.charge(handle.pool, handle.scope, -handle.bytes);
    handle.state = state;
    this.settle();
  }

  releaseLost(isIn: (pool: number) => boolean = () => true): void {
    for (const handle of this.handles) if (handle.state === 'lost' && isIn(handle.pool)) this.end(handle, 'gone');
  }

  /** Lost and orphaned. What a user or transaction holds that ends only through this is for the next time. */
  cleanup(): void {
    const orphans = this.handles.filter(({ state, scope }) => state === 'held' && scope?.isOpen === false);
    this.releaseLost();
    for (const handle of orphans) this.end(handle, 'gone');
  }

  takeStale(ageSeconds: number): void {
    for (const handle of this.handles)
      if (handle.state === 'held' && this.nowSeconds - handle.birthSeconds > ageSeconds) this.end(handle, 'revoked');
  }

  private charge(pool: number, scope: ModelScope | undefined, bytes: number): void {
    this.pool(pool).charge(bytes);
    for (const account of scope?.chain ?? []) account.charge(bytes);
  }

  private admits(index: number, scope: ModelScope | undefined, bytes: number): boolean {
    const pool = this.pool(index);
    const fits = (account: ModelAccount): boolean => account.usedBytes + bytes <= account.limitBytes;
    for (const account of scope?.chain ?? []) {
      if (!fits(account) && bytes <= account.limitBytes) this.releaseLost();
      if (fits(account)) continue;
      account.rejections += 1;
      pool.rejections += 1;
      return false;
    }
    if (!fits(pool) && bytes <= pool.limitBytes) this.releaseLost((lost) => lost === index);
    // Above a limit that was lowered a pool refuses even nothing at all; the manager is not asked for it.
    const fitsManager = (): boolean => bytes === 0 || this.usedBytes + bytes <= this.limitBytes;
    if (fits(pool) && !fitsManager()) this.releaseLost();
    if (fits(pool) && fitsManager()) return true;
    pool.rejections += 1;
    return false;
  }

  private shared(kind: 'user' | 'transaction', name: string, user: ModelScope | undefined): ModelScope {
    const known = this.openByName(kind, name);
    if (known !== undefined) return known;
    const made = new ModelScope(kind, name, Infinity, undefined, user, undefined);
    this.scopes.push(made);
    return made;
  }

  /** A query ends when it is closed; a user or transaction when nothing holds it or hangs on it any more. */
  private settle(): void {
    for (let hasChanged = true; hasChanged;) {
      hasChanged = false;
      for (const scope of this.scopes) {
        if (!scope.isOpen || scope.holds > 0) continue;
        if (scope.isShared && this.scopes.some((other) => hangsOn(other, scope) && this.isInUse(other))) continue;
        scope.isOpen = false;
        hasChanged = true;
      }
    }
  }
}

export function isCharged({ state }: ModelHandle): boolean {
  return state === 'held' || state === 'lost';
}

function hangsOn({ parent, user, transaction }: ModelScope, above: ModelScope): boolean {
  return parent === above || user === above || transaction === above;
}
