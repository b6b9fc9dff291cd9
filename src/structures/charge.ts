import type { MemtoolError } from '../errors.ts';
import type { MemoryPool } from '../memory/pool.ts';
import type { ReserveOptions } from '../memory/pool-options.ts';
import { revoked, type MemoryReservation } from '../memory/reservation.ts';
import { checkScope } from '../memory/scope/check-scope.ts';
import type { MemoryScope } from '../memory/scope/scope.ts';

/**
 * What a structure has charged to its pool: one reservation that grows and shrinks. It is made when it is first needed, so
 * that a structure which is never used leaves nothing to be lost, but for the scope that ran when its owner was made: whoever
 * makes it grow later, perhaps a request that happens to add a row, does not pay for it.
 */
export class Charge {
  private readonly pool: MemoryPool;
  private readonly options: ReserveOptions;
  private readonly scope: MemoryScope | undefined;
  private reservation: MemoryReservation | undefined;
  private refusedBytes = 0;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED` for a scope that cannot be charged */
  constructor(pool: MemoryPool, { tag, scope }: ReserveOptions) {
    this.pool = pool;
    this.options = tag === undefined ? {} : { tag };
    this.scope = scope === undefined ? pool.ledger.scopes?.active() : checkScope(scope, pool.ledger);
  }

  /** Takes `bytes` more, all or nothing. @returns false when a limit does not allow it, or cleanup took the charge away */
  tryGrow(bytes: number): boolean {
    const isGranted = this.reservation === undefined ? this.reserve(bytes) : this.reservation.tryGrow(bytes);
    if (!isGranted) this.refusedBytes = bytes;
    return isGranted;
  }

  /** Why `tryGrow` was false the last time. */
  refusal(): MemtoolError {
    if (this.reservation?.isHeld === false) return revoked(`What is charged to pool ${this.pool.name}`);
    return this.pool.refusal(this.refusedBytes, this.options.tag ?? null);
  }

  /** As `tryGrow`. @throws MemoryLimitError when refused, MemtoolError `MEMTOOL_REVOKED` when cleanup took the charge away */
  grow(bytes: number): void {
    if (!this.tryGrow(bytes)) throw this.refusal();
  }

  /** Gives back `bytes` of what is held. */
  shrink(bytes: number): void {
    this.reservation?.shrink(bytes);
  }

  /** Gives everything back. Afterwards it may grow anew. */
  free(): void {
    this.take()?.free();
  }

  /** Hands over what is held: freeing it is the taker's from now on. */
  take(): MemoryReservation | undefined {
    const { reservation } = this;
    this.reservation = undefined;
    return reservation;
  }

  /** Runs a function in the scope that is charged, or in none; in what that hung on, once it has ended. */
  run<Result>(fn: () => Result): Result {
    const { scopes } = this.pool.ledger;
    if (scopes === undefined) return fn();
    return this.scope === undefined ? scopes.untracked(fn) : scopes.runIn(this.scope, fn);
  }

  private reserve(bytes: number): boolean {
    this.reservation = this.run(() => this.pool.reserve(bytes, this.options));
    return this.reservation !== undefined;
  }
}
