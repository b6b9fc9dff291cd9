import type { Level } from '../report.ts';
import type { Account } from './account.ts';
import { finiteOrNull, showFacts } from './describable.ts';
import { TALLY_FLOOR, TALLY_PEAK, TALLY_REJECTIONS, TALLY_TRIPWIRE, TALLY_USED } from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';
import { fallBytes, nextLevel, riseBytes } from './level.ts';
import type { PoolOwner } from './pool-options.ts';

/** Beyond this, sums of bytes would not be exact any more; so it is the limit of an account without one. */
const USED_BYTES_MAX = Number.MAX_SAFE_INTEGER;

/**
 * One thread's account with a hard limit: what is charged, what is given back, and when to stop and think.
 *
 * Every threshold and limit is one number, the tripwire: charging compares with it and with nothing else. Behind it stand
 * the next level, the account's limit and what it may still draw of the manager's.
 *
 * Invariant: used <= tripwire, but while an account that was closed or lowered drains.
 */
export abstract class Budget implements Account {
  abstract readonly kind: Account['kind'];
  readonly name: string;
  /** `Infinity` without a limit. `memory.setLimit` changes it. */
  limitBytes: number;
  /** @internal */
  readonly ledger: Ledger;
  /** How far it may go before it must ask the manager again. @internal */
  allowanceBytes: number;
  /** @internal */
  level: Level = 'normal';
  /** Index in `ledger.doubles` of this thread's tally. @internal */
  protected readonly tally: number;
  protected readonly owner: PoolOwner;
  /** The account that refused last. */
  protected refusedBy: Account;

  /** @internal */
  constructor(owner: PoolOwner, name: string, limitBytes: number, tally: number) {
    this.name = name;
    this.limitBytes = limitBytes;
    this.ledger = owner.ledger;
    this.allowanceBytes = owner.limitBytes === Infinity ? Infinity : 0;
    this.tally = tally;
    this.owner = owner;
    this.refusedBy = this;
    this.setTripwire();
  }

  /** Sum of what is held, to the byte. */
  get usedBytes(): number {
    return this.ledger.double(this.tally + TALLY_USED);
  }

  get peakBytes(): number {
    return this.ledger.double(this.tally + TALLY_PEAK);
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
    this.limitBytes = limitBytes;
    this.showLimit();
    this.settleLevel();
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

  /** Sets the tripwire where charging must next stop: a threshold, the limit or the manager's allowance. @internal */
  setTripwire(): void {
    const { doubles } = this.ledger;
    const { thresholds, isClosed } = this.owner;
    const rise = riseBytes(this.level, this.limitBytes, thresholds);
    doubles[this.tally + TALLY_TRIPWIRE] = isClosed ? -1 : Math.min(rise, this.allowanceBytes, USED_BYTES_MAX);
    // While the manager is above a limit that was lowered, what is given back may not be taken again unasked.
    const isDraining = this.allowanceBytes < Infinity && this.owner.usedBytes > this.owner.limitBytes;
    doubles[this.tally + TALLY_FLOOR] = isDraining ? Infinity : fallBytes(this.level, this.limitBytes, thresholds);
  }

  /** Brings the level up to date with `usedBytes`. @internal */
  settleLevel(usedBytes: number = this.usedBytes): void {
    const previous = this.level;
    this.level = nextLevel(previous, usedBytes, this.limitBytes, this.owner.thresholds);
    this.setTripwire();
    if (this.level === previous) return;
    this.showLevel();
    this.owner.levelChanged(this, previous);
  }

  private settleFallen(): void {
    if (this.figure(TALLY_FLOOR) === Infinity) this.allowanceBytes = Math.min(this.allowanceBytes, this.usedBytes);
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
    if (!isAllowed || (this.usedBytes + bytes > this.allowanceBytes && !this.owner.draw(this, bytes))) {
      this.countRejection(isAllowed ? this.owner : this);
      return false;
    }
    this.settleLevel(this.usedBytes + bytes);
    return true;
  }

  /** Whether the account's own limit allows `bytes` more, once what is lost is released. Changes nothing else. */
  protected hasRoom(bytes: number): boolean {
    this.owner.assertOpen();
    const limit = Math.min(this.limitBytes, USED_BYTES_MAX);
    if (this.usedBytes + bytes > limit && bytes <= limit) this.releaseLost();
    return this.usedBytes + bytes <= limit;
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
