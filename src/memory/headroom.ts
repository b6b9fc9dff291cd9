import { LEVELS, type Level } from '../report/level.ts';
import type { Account } from './account.ts';
import type { Budget } from './budget.ts';
import type { Ledger } from './ledger/ledger.ts';
import { nextLevel, riseBytes, type Thresholds } from './level.ts';

/** What is drawn beyond the need at once, so that not every request must ask. */
const DRAW_BYTES: number = 64 * 1024;

/** What the headroom needs of its manager. */
export interface HeadroomOwner extends Account {
  readonly ledger: Ledger;
  readonly thresholds: Thresholds;
  readonly pools: readonly DrawingPool[];
  limitBytes: number;
  level: Level;
  levelChanged(account: Account, previous: Level): void;
  inherit(): boolean;
}

export interface DrawingPool extends Budget {
  readonly recovery: { releaseLost(): void };
}

/** Who hands the manager's own limit out to its pools. */
export interface ManagerHeadroom {
  /** Raises a pool's allowance so that it may use `bytes` more. @returns false when the limit does not allow it */
  draw(pool: Budget, bytes: number): boolean;
  /** Below this much charged the pool is to call `giveBack`. */
  floorBytes(pool: Budget): number;
  /** Takes back what the pool has drawn and does not need. */
  giveBack(pool: Budget): void;
  /** Changes the limit. What is used may then be above it: nothing is granted until enough is given back. */
  setLimit(limitBytes: number): void;
  /** Brings the manager's level up to date with what is used. */
  settleLevel(usedBytes?: number): void;
}

/**
 * The manager's own limit, for one thread: pools draw on it and may use what they have drawn without asking again.
 *
 * Invariants: the sum of what is drawn never exceeds the limit; nor does headroom that nobody uses yet reach over the
 * manager's next threshold, so that a crossing is always noticed by a draw.
 */
export class Headroom implements ManagerHeadroom {
  private readonly owner: HeadroomOwner;

  constructor(owner: HeadroomOwner) {
    this.owner = owner;
  }

  draw(pool: Budget, bytes: number): boolean {
    const { owner } = this;
    if (owner.usedBytes + bytes > owner.limitBytes) for (const one of owner.pools) one.recovery.releaseLost();
    if (owner.usedBytes + bytes > owner.limitBytes) return false;
    this.settleLevel(owner.usedBytes + bytes);
    const rise = riseBytes(owner.level, owner.limitBytes, owner.thresholds);
    const need = pool.usedBytes + bytes - pool.allowanceBytes;
    // Headroom that other pools hold beyond the threshold would let them cross it unnoticed.
    if (this.drawnBytes() + need > rise) this.takeBack(pool);
    const headroom = Math.min(rise - this.drawnBytes() - need, DRAW_BYTES);
    pool.allowanceBytes += need + Math.max(0, headroom);
    return true;
  }

  /** While it is above a limit that was lowered, what is given back may not be taken again unasked. */
  floorBytes(): number {
    return this.owner.usedBytes > this.owner.limitBytes ? Infinity : -1;
  }

  giveBack(pool: Budget): void {
    pool.allowanceBytes = Math.min(pool.allowanceBytes, pool.usedBytes);
  }

  setLimit(limitBytes: number): void {
    const { owner } = this;
    owner.limitBytes = limitBytes;
    owner.ledger.setManagerLimit(limitBytes);
    for (const pool of owner.pools) {
      pool.allowanceBytes = limitBytes === Infinity ? Infinity : pool.usedBytes;
      pool.setTripwire();
    }
    this.settleLevel();
  }

  settleLevel(usedBytes: number = this.owner.usedBytes): void {
    const { owner } = this;
    const previous = owner.level;
    if (owner.limitBytes === Infinity && previous === 'normal') return;
    owner.level = nextLevel(previous, usedBytes, owner.limitBytes, owner.thresholds);
    if (owner.level === previous) return;
    owner.ledger.setManagerLevel(owner.level);
    owner.levelChanged(owner, previous);
    // What was drawn while use was high would let it rise again unnoticed.
    if (LEVELS.indexOf(owner.level) < LEVELS.indexOf(previous)) this.takeBack();
  }

  private drawnBytes(): number {
    let drawn = 0;
    for (const pool of this.owner.pools) drawn += pool.allowanceBytes;
    return drawn;
  }

  /** Takes back what pools have drawn and do not use. */
  private takeBack(except?: Budget): void {
    for (const pool of this.owner.pools) {
      if (pool === except) continue;
      pool.allowanceBytes = pool.usedBytes;
      pool.setTripwire();
    }
  }
}
