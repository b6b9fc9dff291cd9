import type { Level } from '../report.ts';
import type { Account } from './account.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Thresholds } from './level.ts';
import type { Consumer } from './limit-error.ts';
import type { Budget } from './budget.ts';
import type { MemoryPool } from './pool.ts';
import type { MemoryScope } from './scope/scope.ts';
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

/** What a pool needs of its manager. @internal */
export interface PoolOwner extends Account {
  readonly ledger: Ledger;
  readonly watch: Watch;
  readonly sampler: StackSampler;
  readonly thresholds: Thresholds;
  readonly poison: boolean;
  readonly isClosed: boolean;
  /** @throws MemtoolError `MEMTOOL_CLOSED` */
  assertOpen(): void;
  /** Raises `account.allowanceBytes` so that it may use `bytes` more, if the manager's own limit allows. */
  draw(account: Budget, bytes: number): boolean;
  levelChanged(account: Account, previous: Level): void;
  /** Who holds the memory of the account that refused. */
  consumers(pool: MemoryPool, account: Account): Consumer[];
}

/** @internal */
export interface PoolConfig {
  name: string;
  limitBytes: number;
  blockBytes: number;
  /** Stale records older than this are taken without asking; `Infinity` without. */
  staleAfterSeconds: number;
}
