import { MemtoolError } from '../../errors.ts';
import { makeFinalizers } from '../finalizers.ts';
import type { MemoryPool } from '../pool.ts';
import type { MemoryReservation } from '../reservation.ts';
import type { MemoryScope } from '../scope/scope.ts';
import { ScopeEnd } from './wasm-scope-end.ts';

interface Share {
  reservation: MemoryReservation;
  /** Tells when the scope ends. */
  end: ScopeEnd | undefined;
}

/**
 * What is charged for one WebAssembly memory: a reservation for each scope that made it grow, and for its home, the scope it
 * belongs to. It does not refer to the memory, and lives until that is collected or freed.
 *
 * What a scope was charged with is not orphaned when the scope ends, but passes on to what that hung on, and at last to the pool
 * alone: the memory may be garbage by then, and an instance that others go on using is no leak.
 */
export class WasmCharge {
  readonly pool: MemoryPool;
  readonly tag: string | undefined;
  private belongsTo: MemoryScope | undefined;
  /** Bytes that exist and that no account had room for. */
  unchargedBytes = 0;
  private readonly shares = new Map<MemoryScope | undefined, Share>();
  private readonly ticket: number;

  constructor(pool: MemoryPool, tag: string | undefined, home: MemoryScope | undefined) {
    this.pool = pool;
    this.tag = tag;
    this.belongsTo = home;
    this.ticket = liveCharges.add(this);
  }

  /** The scope the memory was charged in; once that has ended, what it hung on. */
  get home(): MemoryScope | undefined {
    return openOf(this.belongsTo);
  }

  /** Bytes charged. */
  get size(): number {
    let size = 0;
    for (const { reservation } of this.shares.values()) size += reservation.size;
    return size;
  }

  /** Gives everything back when the object is collected. */
  follow(memory: object): void {
    liveCharges.follow(memory, this.ticket);
  }

  /** Charges a scope, or the pool alone, with `bytes` more. @returns why not, and then nothing is charged */
  take(scope: MemoryScope | undefined, bytes: number): MemtoolError | undefined {
    const payer = openOf(scope);
    try {
      if (this.grow(payer, bytes)) return undefined;
    } catch (error) {
      // The manager was closed.
      if (error instanceof MemtoolError) return error;
      throw error;
    }
    return this.pool.refusal(bytes, this.tag ?? null);
  }

  /** Undoes a `take` of these bytes. */
  giveBack(scope: MemoryScope | undefined, bytes: number): void {
    const payer = openOf(scope);
    const share = this.shares.get(payer);
    if (share === undefined) return;
    if (share.reservation.size > bytes) share.reservation.shrink(bytes);
    else this.drop(payer, share);
  }

  /**
   * Charges bytes that exist, whoever refused them: to the heir if there is one, else to the memory's home, else to the pool
   * alone, else to nobody.
   */
  assign(bytes: number, heir?: MemoryScope): void {
    if (bytes === 0) return;
    const payers = new Set([heir, this.home, undefined]);
    if (![...payers].some((payer) => this.take(payer, bytes) === undefined)) this.unchargedBytes += bytes;
  }

  /** Tries again to charge what nobody had room for. */
  assignUncharged(): void {
    const bytes = this.unchargedBytes;
    this.unchargedBytes = 0;
    this.assign(bytes);
  }

  /** Gives everything back. */
  free(): void {
    liveCharges.remove(this.ticket);
    this.unchargedBytes = 0;
    for (const [payer, share] of this.shares) this.drop(payer, share);
  }

  private grow(payer: MemoryScope | undefined, bytes: number): boolean {
    const share = this.shares.get(payer);
    if (share?.reservation.isHeld === true) return share.reservation.tryGrow(bytes);
    // A cleanup took it.
    if (share !== undefined) this.drop(payer, share);
    const reservation = inScope(this.pool, payer, () =>
      this.pool.reserve(bytes, this.tag === undefined ? {} : { tag: this.tag }),
    );
    if (reservation === undefined) return false;
    this.shares.set(payer, { reservation, end: this.endOf(payer) });
    return true;
  }

  private endOf(payer: MemoryScope | undefined): ScopeEnd | undefined {
    // Making room may have released the last that kept it open.
    if (payer === undefined || !payer.isOpen) return undefined;
    return ScopeEnd.of(payer, this.pool, () => this.scopeEnds(payer));
  }

  /** The memory outlives a scope that is charged with some of it, and that is still open. */
  private scopeEnds(scope: MemoryScope): void {
    const share = this.shares.get(scope);
    if (share === undefined) return;
    const heir = scope.chain.find((above) => above !== scope && above.isOpen);
    if (this.home === scope) this.belongsTo = heir;
    const bytes = share.reservation.size;
    this.drop(scope, share);
    this.assign(bytes, heir);
  }

  private drop(payer: MemoryScope | undefined, { reservation, end }: Share): void {
    this.shares.delete(payer);
    reservation[Symbol.dispose]();
    end?.free();
  }
}

/** Keeps the charges of all memories that live: their reservations are not lost as long as the memory is there. */
class LiveCharges {
  private readonly charges = new Map<number, WasmCharge>();
  private readonly finalizers = makeFinalizers<LiveCharges>(this, (live, ticket) => live.charges.get(ticket)?.free());
  private tickets = 0;

  add(charge: WasmCharge): number {
    this.tickets += 1;
    this.charges.set(this.tickets, charge);
    return this.tickets;
  }

  /** A view of the memory's bytes, shared or not, keeps the object (Node 20 to 26): nobody can reach them when it is gone. */
  follow(memory: object, ticket: number): void {
    this.finalizers.register(memory, ticket);
  }

  remove(ticket: number): void {
    this.charges.delete(ticket);
  }
}

const liveCharges = new LiveCharges();

/** Code that outlives its scope is charged to what that hung on. */
function openOf(scope: MemoryScope | undefined): MemoryScope | undefined {
  return scope === undefined || scope.isOpen ? scope : scope.chain.find(({ isOpen }) => isOpen);
}

function inScope<Result>(pool: MemoryPool, scope: MemoryScope | undefined, fn: () => Result): Result {
  if (scope !== undefined) return scope.run(fn);
  const { scopes } = pool.ledger;
  return scopes === undefined ? fn() : scopes.untracked(fn);
}
