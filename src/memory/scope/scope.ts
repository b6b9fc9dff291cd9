import { LEVELS, type Level } from '../../report/level.ts';
import type { ScopeKind } from '../../report/scopes.ts';
import type { Account } from '../account.ts';
import { Budget } from '../budget.ts';
import { RECORD_SCOPE, TALLY_FLOOR, TALLY_PEAK, TALLY_TRIPWIRE } from '../ledger/layout.ts';
import { Batch } from './batch.ts';
import type { ScopeRows } from './scope-rows.ts';
import type { Scopes } from './scopes.ts';
import type { MemoryPool } from '../pool.ts';

/** Where a scope hangs: what it was opened in, and whose it is. */
export interface ScopeParents {
  parent: MemoryScope | undefined;
  user: MemoryScope | undefined;
  transaction: MemoryScope | undefined;
}

/**
 * Whom memory is held for: a query, a transaction, a user, a procedure. What is taken in it is charged to its pool and to
 * the scope and everything above it, each with a limit of its own.
 */
export class MemoryScope extends Budget {
  readonly kind: ScopeKind;
  /** The scope it was opened in. */
  readonly parent: MemoryScope | undefined;
  readonly transaction: MemoryScope | undefined;
  /** @internal */
  readonly row: number;
  /** Itself and all that is charged with it, each once. @internal */
  chain: readonly MemoryScope[];
  /** Where the accounts of `chain` are in the ledger's doubles: what charging needs of them. @internal */
  tallies: readonly number[];
  /** Live records charged to it directly. @internal */
  live = 0;
  /** Taken in it since it was opened, in and out of what was freed. @internal */
  takenBytes = 0;
  /** @internal */
  takenCount = 0;
  /** The same of what ended in it. @internal */
  takenBelowBytes = 0;
  /** @internal */
  takenBelowCount = 0;
  /** How often it was opened and not yet closed. @internal */
  holds = 0;
  /** Scopes that hang on it: open ones, and ended ones of which something is still held. @internal */
  dependents = 0;
  /** @internal */
  isOpen = true;
  private belongsTo: MemoryScope | undefined;
  private readonly scopes: Scopes;
  private readonly rows: ScopeRows;
  /** What it came to, once its row may be another's. */
  private final: { peakBytes: number; ageSeconds: number } | undefined = undefined;

  /** @internal */
  constructor(
    scopes: Scopes,
    rows: ScopeRows,
    kind: ScopeKind,
    name: string,
    limitBytes: number,
    parents: ScopeParents,
  ) {
    const { parent, user, transaction } = parents;
    const row = rows.claim({
      kind,
      name,
      limitBytes,
      parent: parent?.row,
      user: user?.row,
      transaction: transaction?.row,
    });
    super(scopes.owner, name, limitBytes, rows.tally(row));
    // Only the manager's own limit is drawn on, and by pools alone.
    this.allowanceBytes = Infinity;
    this.setTripwire();
    this.kind = kind;
    this.parent = parent;
    this.belongsTo = user;
    this.transaction = transaction;
    this.row = row;
    this.scopes = scopes;
    this.rows = rows;
    this.chain = [this, ...chainAbove(parents)];
    this.tallies = this.chain.map(({ tally }) => tally);
  }

  /** Whom it belongs to. */
  get user(): MemoryScope | undefined {
    return this.belongsTo;
  }

  /** Seconds since it was opened, or that it was open. */
  get ageSeconds(): number {
    return this.final?.ageSeconds ?? this.rows.ageSeconds(this.row);
  }

  override get usedBytes(): number {
    return this.final === undefined ? super.usedBytes : 0;
  }

  override get peakBytes(): number {
    return this.final?.peakBytes ?? super.peakBytes;
  }

  /**
   * Gives a query or procedure another name: a server knows the path of a request before it knows its route. Users and
   * transactions are found by their names, and keep them.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`
   */
  rename(name: string): void {
    this.scopes.rename(this, name);
  }

  /**
   * Says whose a query is that was opened before that was known; what it holds is charged to the user as well from now on.
   *
   * @returns whether it is that user's now. Nothing changes when it is another's already, belongs to a transaction, has scopes
   *   of its own, or holds more than the user's limit allows.
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`, `MEMTOOL_TOO_MANY_SCOPES`
   */
  setUser(name: string): boolean {
    return this.scopes.setUser(this, name);
  }

  /** @internal */
  showName(name: string): void {
    Object.assign(this, { name });
    this.rows.setName(this.row, name);
  }

  /** What it holds is charged to the user already. @internal */
  showUser(user: MemoryScope): void {
    this.belongsTo = user;
    this.chain = [...this.chain, user];
    this.tallies = this.chain.map(({ tally }) => tally);
    this.rows.setUser(this.row, user.row);
  }

  /** Its name is one account in all threads from now on. @internal */
  joinByName(): void {
    const { sharing } = this.owner;
    if (sharing === undefined) return;
    const account = sharing.named.join(accountName(this.kind, this.name), this.tally);
    // A limit from before the manager was shared; what another thread has set since comes first.
    if (account.limitBytes === Infinity) account.limitBytes = this.limitBytes;
    this.rows.setAccount(this.row, account.row);
    this.shareWith(account);
  }

  /** What it still holds counts for this thread's reports, and no more for its name. @internal */
  leaveByName(): void {
    if (this.share === undefined) return;
    const { account } = this.share;
    this.endSharing();
    this.rows.setAccount(this.row, 0);
    this.owner.sharing?.named.release(account);
  }

  /** Nothing is charged to it any more, and its row will be another's. @internal */
  retire(): void {
    const { peakBytes, ageSeconds } = this;
    this.final = { peakBytes, ageSeconds };
  }

  /** Runs a function in this scope: what it takes, and what it calls and awaits takes, is charged here. */
  run<Result>(fn: () => Result): Result {
    return this.scopes.runIn(this, fn);
  }

  /**
   * An arena whose allocations are freed all at once: when it is freed, or when the scope ends.
   *
   * @throws MemtoolError `MEMTOOL_SCOPE_ENDED`
   */
  batch(pool: MemoryPool): Batch {
    const batch = new Batch(this, pool, (freed) => this.scopes.dropBatch(this, freed));
    this.scopes.addBatch(this, batch);
    return batch;
  }

  /** Ends it. What is still held is orphaned from now on. Closing again does nothing. */
  close(): void {
    this.scopes.close(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether `bytes` more would fit everywhere; the account that refuses is noted. Part of the hot path. @internal */
  admits(bytes: number): boolean {
    const { tallies } = this;
    const { doubles } = this.ledger;
    for (let index = 0; index < tallies.length; index += 1) {
      const tally = tallies[index]!;
      if (doubles[tally]! + bytes > doubles[tally + TALLY_TRIPWIRE]!) return this.admitsSlowly(bytes);
    }
    return true;
  }

  /** Counts what `admits` allowed. Part of the hot path. @internal */
  commit(bytes: number): void {
    const { tallies } = this;
    const { doubles } = this.ledger;
    for (let index = 0; index < tallies.length; index += 1) {
      const tally = tallies[index]!;
      const used = doubles[tally]! + bytes;
      doubles[tally] = used;
      if (used > doubles[tally + TALLY_PEAK]!) doubles[tally + TALLY_PEAK] = used;
      // Only now, when nobody can refuse any more: a refusal raises no level.
      if (used > doubles[tally + TALLY_TRIPWIRE]!) this.chain[index]!.settleLevel();
    }
  }

  /** Charges a record, which `admits` allowed. Part of the hot path. @internal */
  enter(record: number, bytes: number): void {
    // Making room may have released the last that kept it: a transaction that nobody holds by name ends with its queries.
    if (!this.isOpen) return;
    this.commit(bytes);
    this.ledger.words[(record << 3) + RECORD_SCOPE] = this.row;
    this.live += 1;
    this.takenCount += 1;
    this.takenBytes += bytes;
  }

  /** Charges a record when that is within all thresholds. Part of the hot path. @internal */
  charges(bytes: number): boolean {
    const { tallies } = this;
    const { doubles } = this.ledger;
    for (let index = 0; index < tallies.length; index += 1) {
      const tally = tallies[index]!;
      if (doubles[tally]! + bytes > doubles[tally + TALLY_TRIPWIRE]!) return false;
    }
    for (let index = 0; index < tallies.length; index += 1) {
      const tally = tallies[index]!;
      const used = doubles[tally]! + bytes;
      doubles[tally] = used;
      if (used > doubles[tally + TALLY_PEAK]!) doubles[tally + TALLY_PEAK] = used;
    }
    this.live += 1;
    this.takenCount += 1;
    this.takenBytes += bytes;
    return true;
  }

  /** A record that was charged is freed. Part of the hot path. @internal */
  leave(bytes: number): void {
    this.release(bytes);
    this.live -= 1;
    if (!this.isOpen) this.scopes.retireIfDone(this);
  }

  /** Counts `bytes` as given back, here and above. Part of the hot path. @internal */
  release(bytes: number): void {
    const { tallies } = this;
    const { doubles } = this.ledger;
    for (let index = 0; index < tallies.length; index += 1) {
      const tally = tallies[index]!;
      const used = doubles[tally]! - bytes;
      doubles[tally] = used;
      if (used < doubles[tally + TALLY_FLOOR]!) this.chain[index]!.settleFallen();
    }
  }

  private admitsSlowly(bytes: number): boolean {
    for (const account of this.chain) {
      if (account.hasRoom(bytes)) continue;
      account.countRejection(account);
      this.refusedBy = account;
      return false;
    }
    return true;
  }

  /** Who refused last. @internal */
  get refuser(): Account {
    return this.refusedBy;
  }

  protected override showLevel(): void {
    this.rows.setLevel(this.row, LEVELS.indexOf(this.level satisfies Level));
  }

  protected override releaseLost(): void {
    this.scopes.releaseLost();
  }

  protected override showLimit(): void {
    this.rows.setLimit(this.row, this.limitBytes);
  }
}

/** Each once, although what it hangs on may hang on one another. */
function chainAbove({ parent, user, transaction }: ScopeParents): Iterable<MemoryScope> {
  if (parent === undefined && transaction === undefined) return user?.chain ?? [];
  return new Set([...(parent?.chain ?? []), ...(transaction?.chain ?? []), ...(user?.chain ?? [])]);
}

/** What threads find the account of a user or transaction by. */
export function accountName(kind: ScopeKind, name: string): string {
  return `${kind}\0${name}`;
}
