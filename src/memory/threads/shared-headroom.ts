import type { Budget } from '../budget.ts';
import type { HeadroomOwner, ManagerHeadroom } from '../headroom.ts';
import { nextLevel, riseBytes } from '../level.ts';
import { Share, type ShareHolder } from './share.ts';
import type { Headroom, Sharing } from './sharing.ts';

/** A pool keeps this much of what it has drawn and does not use. */
const KEPT_BYTES: number = 64 * 1024;
const KEPT_BYTES_UNLIMITED: number = 16 * 1024 * 1024;

/**
 * The manager's own limit where several threads share it: a thread draws on it, and its pools on what the thread has drawn.
 */
export class SharedHeadroom implements ManagerHeadroom, Headroom, ShareHolder {
  private readonly owner: HeadroomOwner;
  private readonly sharing: Sharing;
  private readonly share: Share;

  constructor(owner: HeadroomOwner, sharing: Sharing) {
    this.owner = owner;
    this.sharing = sharing;
    for (const pool of owner.pools) pool.allowanceBytes = pool.ownBytes;
    this.share = new Share(sharing, sharing.manager, this);
    sharing.headroom = this;
  }

  /** What this thread's pools have drawn. */
  get ownBytes(): number {
    let drawn = 0;
    for (const pool of this.owner.pools) drawn += pool.allowanceBytes;
    return drawn;
  }

  draw(pool: Budget, bytes: number): boolean {
    if (!this.fits(pool, bytes) && !this.sharing.whileGranting(() => this.makesRoom(pool, bytes))) {
      this.recall();
      return false;
    }
    const need = Math.max(0, pool.ownBytes + bytes - pool.allowanceBytes);
    const spare = this.share.drawnBytes - this.ownBytes - need;
    pool.allowanceBytes += need + Math.min(spare, this.keptBytes);
    this.settleLevel(this.owner.usedBytes + bytes);
    return true;
  }

  floorBytes(pool: Budget): number {
    if (this.share.isDraining) return Infinity;
    return this.share.isTurnKnown ? pool.allowanceBytes - 2 * this.keptBytes : pool.ownBytes;
  }

  giveBack(pool: Budget): void {
    const kept = this.share.isDraining ? 0 : this.keptBytes;
    pool.allowanceBytes = Math.min(pool.allowanceBytes, pool.ownBytes + kept);
    this.share.settle();
  }

  /** A record of so many bytes came from another thread, with what was drawn for it, or went to one. */
  carry(pool: Budget, bytes: number): void {
    pool.allowanceBytes += bytes;
    this.share.drawnBytes += bytes;
  }

  /** Nothing is granted any more. */
  close(): void {
    this.takeBack();
    this.share.lower(0);
  }

  setLimit(limitBytes: number): void {
    const { account } = this.share;
    account.limitBytes = limitBytes;
    this.owner.ledger.setManagerLimit(limitBytes);
    this.recall();
    this.takeBack();
    this.share.lower(0);
    this.settleLevel();
  }

  settleLevel(usedBytes: number = this.owner.usedBytes): void {
    const { owner, share } = this;
    const { account } = share;
    const previous = owner.level;
    owner.level = nextLevel(account.level, usedBytes, account.limitBytes, owner.thresholds);
    account.level = owner.level;
    if (owner.level === previous) return;
    owner.ledger.setManagerLevel(owner.level);
    owner.levelChanged(owner, previous);
  }

  heed(): void {
    if (!this.share.isDraining) return;
    this.takeBack();
    this.share.lower(0);
  }

  /** What the pools do not use goes back before the rest does. */
  dropIdle(): void {
    this.takeBack();
  }

  setTripwire(): void {
    for (const pool of this.owner.pools) pool.setTripwire();
  }

  private makesRoom(pool: Budget, bytes: number): boolean {
    return this.fitsAfterRelease(pool, bytes) || (this.owner.inherit() && this.fitsAfterRelease(pool, bytes));
  }

  private fitsAfterRelease(pool: Budget, bytes: number): boolean {
    for (const one of this.owner.pools) one.recovery.releaseLost();
    this.takeBack();
    return this.fits(pool, bytes);
  }

  private fits(pool: Budget, bytes: number): boolean {
    const { account } = this.share;
    const need = pool.ownBytes + bytes - pool.allowanceBytes;
    return this.share.raise(need, riseBytes(account.level, account.limitBytes, this.owner.thresholds));
  }

  /** Other threads look again at their next charge, to whichever pool. */
  private recall(): void {
    for (const pool of this.owner.pools) pool.share?.account.recall();
  }

  /** Pools keep what they use. */
  private takeBack(): void {
    for (const pool of this.owner.pools) {
      pool.allowanceBytes = pool.ownBytes;
      pool.setTripwire();
    }
  }

  private get keptBytes(): number {
    return this.share.account.limitBytes === Infinity ? KEPT_BYTES_UNLIMITED : KEPT_BYTES;
  }
}
