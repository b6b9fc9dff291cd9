import type { Level } from '../report/level.ts';
import type { Account } from './account.ts';
import { finiteOrNull, showFacts } from './describable.ts';
import { TALLY_FLOOR, TALLY_PEAK, TALLY_REJECTIONS, TALLY_TRIPWIRE, TALLY_USED } from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';
import { fallBytes, nextLevel, riseBytes } from './level.ts';
import type { PoolOwner } from './pool-options.ts';
import type { SharedAccount } from './threads/shared-account.ts';
import { Share } from './threads/share.ts';

/** Beyond this, sums of bytes would not be exact any more; so it is the limit of an account without one. */
const USED_BYTES_MAX = Number.MAX_SAFE_INTEGER;

/**
 * One thread's account with a hard limit: what is charged, what is given back, and when to stop and think.
 *
 * Every threshold and limit is one number, the tripwire: charging compares with it and with nothing else. Behind it stand
 * the next level, the account's limit and what it may still draw of the manager's; once several threads share the account,
 * what this one has drawn of it.
 *
 * Invariant: used <= tripwire, but while an account that was closed or lowered drains.
 */
export abstract class Budget implements Account {
  abstract readonly kind: Account['kind'];
  readonly name: string;
  /** @internal */
  readonly ledger: Ledger;
  /** How far it may go before it must ask the manager again. @internal */
  allowanceBytes: number;
  level: Level = 'normal';
  /** This thread's part, once several share the account. @internal */
  share: Share | undefined = undefined;
  private ownLimitBytes: number;
  /** Index in `ledger.doubles` of this thread's tally. @internal */
  readonly tally: number;
  protected readonly owner: PoolOwner;
  /** The account that refused last. */
  protected refusedBy: Account;

  /** @internal */
  constructor(owner: PoolOwner, name: string, limitBytes: number, tally: number) {
    this.name = name;
    this.ownLimitBytes = limitBytes;
    this.ledger = owner.ledger;
    this.allowanceBytes = owner.limitBytes === Infinity ? Infinity : 0;
    this.tally = tally;
    this.owner = owner;
    this.refusedBy = this;
    this.setTripwire();
  }

  /** `Infinity` without a limit. `memory.setLimit` changes it. */
  get limitBytes(): number {
    return this.share === undefined ? this.ownLimitBytes : this.share.account.limitBytes;
  }

  /** Sum of what is held, to the byte, in all threads. */
  get usedBytes(): number {
    return this.share === undefined ? this.ownBytes : this.share.account.usedBytes;
  }

  /** The most that was used at a time. Of several threads together it may be a little more: what was in flight is not in it. */
  get peakBytes(): number {
    const own = this.ownPeakBytes;
    if (this.share === undefined) return own;
    const { usedBytes, peakBytes } = this.share.account;
    return Math.max(own, usedBytes, peakBytes);
  }

  protected get ownPeakBytes(): number {
    return this.figure(TALLY_PEAK);
  }

  /** Charged by this thread. @internal */
  get ownBytes(): number {
    return this.ledger.double(this.tally + TALLY_USED);
  }

  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object {
    const { kind, name, limitBytes, usedBytes, peakBytes, level } = this;
    return { kind, name, limitBytes: finiteOrNull(limitBytes), usedBytes, peakBytes, level };
  }

  /** Counts `bytes` as used, or refuses and leaves no trace but a rejection. @internal */
  charge(bytes: number): boolean {
    const { tally } = this;
    const { doubles } = this.ledger;
    // `!`: a tally's doubles are always within the view.
    let used = doubles[tally]! + bytes;
    if (used > doubles[tally + TALLY_TRIPWIRE]!) {
      if (!this.admit(bytes)) return false;
      used = doubles[tally]! + bytes;
    }
    doubles[tally] = used;
    if (used > doubles[tally + TALLY_PEAK]!) doubles[tally + TALLY_PEAK] = used;
    return true;
  }

  /** Counts `bytes` as given back. @internal */
  discharge(bytes: number): void {
    const { tally } = this;
    const { doubles } = this.ledger;
    const used = doubles[tally]! - bytes;
    doubles[tally] = used;
    if (used < doubles[tally + TALLY_FLOOR]!) this.settleFallen();
  }

  /** Changes the limit. What is used may then be above it: nothing is granted until enough is given back. @internal */
  setLimit(limitBytes: number): void {
    this.ownLimitBytes = limitBytes;
    if (this.share !== undefined) {
      this.share.account.limitBytes = limitBytes;
      this.share.account.recall();
      this.share.lower(0);
    }
    this.showLimit();
    this.settleLevel();
  }

  /** From now on this thread draws on what several share. @internal */
  shareWith(account: SharedAccount): void {
    const { sharing } = this.owner;
    if (sharing === undefined) return;
    account.setTally(this.ledger.thread, this.tally);
    this.level = account.level;
    this.share = new Share(sharing, account, this);
    this.settleLevel();
  }

  /** From now on it is this thread's alone. @internal */
  endSharing(): void {
    this.ownLimitBytes = this.limitBytes;
    if (this.share !== undefined) this.owner.sharing?.forget(this.share);
    this.share = undefined;
    this.setTripwire();
  }

  /** One of the tally's figures. @internal */
  figure(figure: number): number {
    return this.ledger.double(this.tally + figure);
  }

  /** Adds to one of the tally's figures. @internal */
  addToTally(figure: number, change: number): void {
    const { doubles } = this.ledger;
    doubles[this.tally + figure] = doubles[this.tally + figure]! + change;
  }

  /** Sets the tripwire where charging must next stop: a threshold, the limit or what may be drawn. @internal */
  setTripwire(): void {
    const { share, tally } = this;
    const { doubles } = this.ledger;
    const { thresholds, isClosed } = this.owner;
    const bound = share === undefined ? riseBytes(this.level, this.limitBytes, thresholds) : share.drawnBytes;
    doubles[tally + TALLY_TRIPWIRE] = isClosed ? -1 : Math.min(bound, this.allowanceBytes, USED_BYTES_MAX);
    const floor = share === undefined ? fallBytes(this.level, this.limitBytes, thresholds) : share.floorBytes;
    doubles[tally + TALLY_FLOOR] =
      this.allowanceBytes === Infinity ? floor : Math.max(floor, this.owner.floorBytes(this));
  }

  /** Brings the level up to date with `usedBytes`. @internal */
  settleLevel(usedBytes: number = this.usedBytes): void {
    const { share, level: previous } = this;
    const { thresholds } = this.owner;
    // What the threads know together comes before what this one has seen of it.
    this.level = nextLevel(share?.account.level ?? previous, usedBytes, this.limitBytes, thresholds);
    // What moved from one thread to another during the look may be in it twice, but nothing beyond what is drawn is used.
    share?.account.notePeak(Math.min(usedBytes, share.account.drawnBytes));
    this.setTripwire();
    if (share !== undefined) share.account.level = this.level;
    if (this.level === previous) return;
    this.showLevel();
    this.owner.levelChanged(this, previous);
  }

  /** What is used has fallen below the floor. @internal */
  settleFallen(): void {
    if (this.allowanceBytes < Infinity) this.owner.giveBack(this);
    this.share?.settle();
    this.settleLevel();
  }

  /** Writes the level where readers of the ledger find it. */
  protected abstract showLevel(): void;

  /** Writes the limit where readers of the ledger find it. */
  protected abstract showLimit(): void;

  /** Releases what nobody holds any more: not worth a refusal. */
  protected abstract releaseLost(): void;

  /** Behind the tripwire: says whether `bytes` more may be charged, and moves the tripwire on. */
  protected admit(bytes: number): boolean {
    const isAllowed = this.hasRoom(bytes);
    if (!isAllowed || (this.ownBytes + bytes > this.allowanceBytes && !this.owner.draw(this, bytes))) {
      this.countRejection(isAllowed ? this.owner : this);
      return false;
    }
    this.settleLevel(this.usedBytes + bytes);
    return true;
  }

  /** Whether the account's own limit allows `bytes` more, once what is lost is released. Changes nothing else. */
  protected hasRoom(bytes: number): boolean {
    this.owner.assertOpen();
    if (this.fits(bytes)) return true;
    const limit = Math.min(this.limitBytes, USED_BYTES_MAX);
    if (bytes > limit) return false;
    const { sharing } = this.owner;
    if (sharing === undefined) return this.fitsAfterRelease(bytes);
    if (sharing.whileGranting(() => this.makesRoom(bytes))) return true;
    this.share?.account.recall();
    return false;
  }

  /** What dead threads held may be all that is missing. */
  private makesRoom(bytes: number): boolean {
    if (this.fitsAfterRelease(bytes)) return true;
    return this.share !== undefined && this.owner.inherit() && this.fitsAfterRelease(bytes);
  }

  private fitsAfterRelease(bytes: number): boolean {
    this.releaseLost();
    return this.fits(bytes);
  }

  private fits(bytes: number): boolean {
    const { share } = this;
    if (share === undefined) return this.ownBytes + bytes <= Math.min(this.limitBytes, USED_BYTES_MAX);
    return share.raise(bytes, riseBytes(share.account.level, this.limitBytes, this.owner.thresholds));
  }

  protected countRejection(refusedBy: Account): void {
    this.refusedBy = refusedBy;
    this.addToTally(TALLY_REJECTIONS, 1);
  }

  /** Takes back a charge that came to nothing, peak and all. */
  protected undoCharge(bytes: number, peakBytes: number): void {
    this.discharge(bytes);
    this.ledger.doubles[this.tally + TALLY_PEAK] = peakBytes;
  }
}

showFacts(Budget.prototype);
