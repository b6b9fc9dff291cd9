import { LEVELS, type Level } from '../../report/level.ts';
import {
  ACCOUNT_BIGINT,
  ACCOUNT_DOUBLE,
  ACCOUNT_ROW_BYTES,
  ACCOUNT_WORD,
  ACCOUNTS_AT,
  TALLY_TRIPWIRE,
  TALLY_USED,
} from '../ledger/layout.ts';
import type { SharedViews } from './shared-views.ts';

/** `drawn` is a count of bytes below a count of changes, by which a repair sees that nobody came between. */
const DRAWN_BITS = 48n;
const DRAWN_MASK: bigint = (1n << DRAWN_BITS) - 1n;
const DRAWN_MAX = Number(DRAWN_MASK);

/** Of what is free, a draw takes at most one part in so many beyond its need: near the limit hardly anything is held back. */
const HEADROOM_SHARE = 8;

/**
 * An account that several threads draw on: the manager, a pool, a user, a transaction. Each thread draws bytes in advance,
 * charges what it has drawn without asking, and gives back what it did not need.
 *
 * Invariants: what all have drawn is within the limit, but while a lowered one drains; no thread has charged more than it has
 * drawn. A draw is one compare-and-exchange on the sum, then the thread's own part: one that dies between the two leaves
 * the sum too high, never too low, until `repair`.
 */
export class SharedAccount {
  readonly row: number;
  private readonly views: SharedViews;
  /** Index of the row in words, doubles and 64-bit integers. */
  private readonly at4: number;
  private readonly at8: number;

  constructor(views: SharedViews, row: number) {
    this.row = row;
    this.views = views;
    this.at8 = (ACCOUNTS_AT + row * ACCOUNT_ROW_BYTES) >> 3;
    this.at4 = this.at8 * 2;
  }

  get limitBytes(): number {
    const kept = this.views.doubles[this.at8 + ACCOUNT_DOUBLE.limitAndOne] ?? 0;
    return kept === 0 ? Infinity : kept - 1;
  }

  set limitBytes(bytes: number) {
    this.views.doubles[this.at8 + ACCOUNT_DOUBLE.limitAndOne] = bytes + 1;
    // A draw under way that has read the old one starts anew.
    this.noteChange();
  }

  get level(): Level {
    return LEVELS[this.views.words[this.at4 + ACCOUNT_WORD.level] ?? 0] ?? 'normal';
  }

  set level(level: Level) {
    this.views.words[this.at4 + ACCOUNT_WORD.level] = LEVELS.indexOf(level);
  }

  /** By all threads, and what is on its way between two. */
  get drawnBytes(): number {
    return Number(Atomics.load(this.views.bigints, this.at8 + ACCOUNT_BIGINT.drawn) & DRAWN_MASK);
  }

  /**
   * Charged by all threads. Each is read once, one after the other; what moves from one to the next meanwhile does not
   * count twice, since the sum never exceeds what is drawn.
   */
  get usedBytes(): number {
    let used = Number(Atomics.load(this.views.bigints, this.at8 + ACCOUNT_BIGINT.transit));
    for (const tally of this.tallies()) used += this.views.doubles[tally + TALLY_USED] ?? 0;
    return Math.min(used, this.drawnBytes);
  }

  /** The most that was seen to be used; what was in flight between two looks is not in it. */
  get peakBytes(): number {
    return this.views.doubles[this.at8 + ACCOUNT_DOUBLE.peakBytes] ?? 0;
  }

  notePeak(usedBytes: number): void {
    if (usedBytes > this.peakBytes) this.views.doubles[this.at8 + ACCOUNT_DOUBLE.peakBytes] = usedBytes;
  }

  /**
   * Draws for this thread.
   *
   * @param needBytes all or nothing
   * @param headroomBytes this much more if it is there to be had
   * @param ceilingBytes headroom does not take what is drawn above this
   * @param isForced what is charged already is drawn whatever the limit says
   * @returns bytes drawn, or -1 when the limit does not allow what is needed
   */
  draw(needBytes: number, headroomBytes: number, ceilingBytes: number, isForced: boolean = false): number {
    const { bigints, threads, thread } = this.views;
    threads.setBusy(thread, true);
    let granted = -1;
    for (;;) {
      const seen = Atomics.load(bigints, this.at8 + ACCOUNT_BIGINT.drawn);
      const limit = Math.min(this.limitBytes, DRAWN_MAX);
      const drawn = Number(seen & DRAWN_MASK);
      const free = limit - drawn - needBytes;
      if (free < 0 && !isForced) break;
      const headroom = Math.min(headroomBytes, Math.floor(free / HEADROOM_SHARE), ceilingBytes - drawn - needBytes);
      const bytes = needBytes + Math.max(0, headroom);
      if (!this.exchange(seen, drawn + bytes)) continue;
      Atomics.add(bigints, this.cell(thread), BigInt(bytes));
      granted = bytes;
      break;
    }
    threads.setBusy(thread, false);
    return granted;
  }

  /** Gives back what this thread has drawn and not charged. */
  giveBack(bytes: number): void {
    if (bytes <= 0) return;
    const { bigints, threads, thread } = this.views;
    threads.setBusy(thread, true);
    // The sum first: a thread that dies between the two is dead to both.
    this.add(-bytes);
    Atomics.sub(bigints, this.cell(thread), BigInt(bytes));
    threads.setBusy(thread, false);
  }

  /**
   * What is drawn is about to move between threads, with the records it was drawn for: a repair that has begun to add up
   * starts anew. The caller is busy, so that none begins before the move is over.
   */
  noteChange(): void {
    this.add(0);
  }

  /** Bytes that this thread has charged and drawn leave it, for another to take them up. The caller is busy. */
  sendOff(bytes: number): void {
    const { bigints, thread } = this.views;
    Atomics.add(bigints, this.at8 + ACCOUNT_BIGINT.transit, BigInt(bytes));
    Atomics.sub(bigints, this.cell(thread), BigInt(bytes));
  }

  /** The other side of `sendOff`. The caller is busy. */
  takeUp(bytes: number): void {
    const { bigints, thread } = this.views;
    Atomics.add(bigints, this.cell(thread), BigInt(bytes));
    Atomics.sub(bigints, this.at8 + ACCOUNT_BIGINT.transit, BigInt(bytes));
  }

  /** What was in transit is nobody's any more. The caller is busy. */
  dropTransit(bytes: number): void {
    this.add(-bytes);
    Atomics.sub(this.views.bigints, this.at8 + ACCOUNT_BIGINT.transit, BigInt(bytes));
  }

  /** Makes the other threads stop at their next charge and give back what they do not need. One that misses it does so when its turn of the event loop ends. */
  recall(): void {
    const { views } = this;
    for (let thread = 0; thread < views.threads.count; thread += 1) {
      const tally = this.tallyOf(thread);
      if (thread !== views.thread && tally > 0) views.doubles[tally + TALLY_TRIPWIRE] = -1;
    }
  }

  /**
   * Strikes out a thread that is dead; its heir has `drawnBytes` of it from now on. `repair` puts the sum right. The caller is
   * busy.
   */
  inherit(dead: number, drawnBytes: number): void {
    const { bigints, thread } = this.views;
    this.noteChange();
    Atomics.add(bigints, this.cell(thread), BigInt(drawnBytes));
    Atomics.store(bigints, this.cell(dead), 0n);
    this.setTally(dead, 0);
  }

  /**
   * Sets the sum to what the living threads have drawn, after one has died.
   *
   * @param transitBytes of the records in transit, counted while nobody was busy
   * @returns false when somebody was at it meanwhile: try again later
   */
  repair(transitBytes: () => number): boolean {
    const { bigints, threads, thread } = this.views;
    const seen = Atomics.load(bigints, this.at8 + ACCOUNT_BIGINT.drawn);
    const known = Atomics.load(bigints, this.at8 + ACCOUNT_BIGINT.transit);
    if (threads.isAnyBusy(thread)) return false;
    let drawn = 0n;
    for (let other = 0; other < threads.count; other += 1)
      if (threads.isTaken(other)) drawn += Atomics.load(bigints, this.cell(other));
    const transit = BigInt(transitBytes());
    // One that has begun since may have moved a record already, and not yet what is drawn for it.
    if (threads.isAnyBusy(thread)) return false;
    if (!this.exchange(seen, Number(drawn + transit))) return false;
    Atomics.add(bigints, this.at8 + ACCOUNT_BIGINT.transit, transit - known);
    return true;
  }

  /** Makes the row as good as new: nothing drawn, no limit. */
  clear(): void {
    const { bigints, doubles } = this.views;
    bigints[this.at8 + ACCOUNT_BIGINT.drawn] = 0n;
    bigints[this.at8 + ACCOUNT_BIGINT.transit] = 0n;
    doubles[this.at8 + ACCOUNT_DOUBLE.limitAndOne] = 0;
    doubles[this.at8 + ACCOUNT_DOUBLE.peakBytes] = 0;
    this.level = 'normal';
  }

  /** This thread uses it no more. */
  leave(): void {
    const { bigints, thread } = this.views;
    this.giveBack(Number(Atomics.load(bigints, this.cell(thread))));
    this.setTally(thread, 0);
  }

  /** Index in doubles of a thread's tally; 0 when it does not use the account. */
  tallyOf(thread: number): number {
    return this.views.words[this.at4 + ACCOUNT_WORD.tallies + thread] ?? 0;
  }

  setTally(thread: number, tally: number): void {
    Atomics.store(this.views.words, this.at4 + ACCOUNT_WORD.tallies + thread, tally);
  }

  private *tallies(): Iterable<number> {
    for (let thread = 0; thread < this.views.threads.count; thread += 1) {
      const tally = this.tallyOf(thread);
      if (tally > 0) yield tally;
    }
  }

  private cell(thread: number): number {
    return this.at8 + ACCOUNT_BIGINT.cells + thread;
  }

  private add(bytes: number): void {
    for (;;) {
      const seen = Atomics.load(this.views.bigints, this.at8 + ACCOUNT_BIGINT.drawn);
      if (this.exchange(seen, Number(seen & DRAWN_MASK) + bytes)) return;
    }
  }

  /** @returns false when another thread came first */
  private exchange(seen: bigint, drawnBytes: number): boolean {
    const changes = BigInt.asUintN(16, (seen >> DRAWN_BITS) + 1n);
    const next = (changes << DRAWN_BITS) | BigInt(drawnBytes);
    return Atomics.compareExchange(this.views.bigints, this.at8 + ACCOUNT_BIGINT.drawn, seen, next) === seen;
  }
}
