import type { Level } from '../report/level.ts';
import type { Account } from './account.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Thresholds } from './level.ts';
import type { Consumer } from './limit-error.ts';
import type { Budget } from './budget.ts';
import type { Caches } from './caches.ts';
import type { MemoryScope } from './scope/scope.ts';
import type { Sharing } from './threads/sharing.ts';
import type { Transfers } from './threads/transfers.ts';
import type { StackSampler } from './stack-sampler.ts';
import type { Watch } from './watch.ts';

export interface ReserveOptions {
  /** What it is for: a short constant text; leaks and refusals are told apart by it. */
  tag?: string;
  /** Whom it is held for, where that is not the scope that runs. */
  scope?: MemoryScope;
}

export interface AllocateOptions extends ReserveOptions {
  /** Fill the bytes with zeros. Default false: they hold whatever was there, as with `Buffer.allocUnsafe`. */
  zero?: boolean;
}

/** What a pool needs of its manager. */
export interface PoolOwner extends Account {
  /** @internal */
  readonly ledger: Ledger;
  /** @internal */
  readonly watch: Watch;
  /** @internal */
  readonly sampler: StackSampler;
  /** @internal */
  readonly thresholds: Thresholds;
  /** @internal */
  readonly poison: boolean;
  /** @internal */
  readonly cacheTable: Caches;
  /** @internal */
  readonly isClosed: boolean;
  /** Once several threads share the manager. @internal */
  readonly sharing: Sharing | undefined;
  /** @throws MemtoolError `MEMTOOL_NOT_SHARED` @internal */
  readonly transfers: Transfers;
  /** Takes over what dead threads left. @returns whether there was any @internal */
  inherit(): boolean;
  /** @throws MemtoolError `MEMTOOL_CLOSED` @internal */
  assertOpen(): void;
  /** Raises `pool.allowanceBytes` so that it may use `bytes` more, if the manager's own limit allows. @internal */
  draw(pool: Budget, bytes: number): boolean;
  /** Below this much charged, what was drawn and is not needed is to be given back. @internal */
  floorBytes(pool: Budget): number;
  /** @internal */
  giveBack(pool: Budget): void;
  /** @internal */
  levelChanged(account: Account, previous: Level): void;
  /** Who holds the memory of the account that refused. @internal */
  consumers(account: Account): Consumer[];
}

/** A pool's options, checked. */
export interface PoolConfig {
  /** Its place in the ledger, when it is there already: another thread has added it. */
  index?: number;
  name: string;
  limitBytes: number;
  blockBytes: number;
  /** Stale records older than this are taken without asking; `Infinity` without. */
  staleAfterSeconds: number;
}
