import {
  PLACE_ALLOCATION,
  PLACE_ORPHANED,
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  POOLS_MAX,
  RECORD_GENERATION,
  RECORD_LINK,
  RECORD_PLACE,
  TALLY_HISTOGRAM,
  TALLY_LOST_BYTES,
  TALLY_LOST_COUNT,
  TALLY_PEAK,
  TALLY_PEAK_BEFORE,
  TALLY_REJECTIONS,
  TALLY_ROW_BYTES,
  TALLY_USED,
  tallyAt,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { recordRange } from '../ledger/scan.ts';
import type { MemoryPool } from '../pool.ts';
import { LeftScopes } from './left-scopes.ts';
import type { SharedAccount } from './shared-account.ts';
import type { Sharing } from './sharing.ts';

/** The link of an allocation whose bytes went with its thread. */
const NO_SLOT = -1;

/** What an heir needs of its manager. */
export interface HeirOwner {
  readonly ledger: Ledger;
  /** This thread's side of every pool that there is. */
  readonly pools: () => readonly MemoryPool[];
  /** This thread has drawn so much more of the manager's limit, for a pool. */
  carry(pool: MemoryPool, bytes: number): void;
}

/**
 * Takes over what dead threads leave: their records become lost ones of this thread, for any cleanup to release, and what
 * they had drawn goes back. Nothing that a dead thread counted is believed, since it may have died between two counts; its
 * records are, of which each is there or not. Any thread may be the heir, and may itself die in the middle: the next one
 * takes over both.
 */
export class Heir {
  private readonly owner: HeirOwner;
  private readonly sharing: Sharing;
  private readonly left: LeftScopes;
  /** Accounts whose sums do not add up yet. */
  private readonly unrepaired = new Map<number, SharedAccount>();

  constructor(owner: HeirOwner, sharing: Sharing) {
    this.owner = owner;
    this.sharing = sharing;
    this.left = new LeftScopes(owner.ledger);
  }

  /** @returns whether any thread had died */
  inherit(): boolean {
    const { threads, views } = this.sharing;
    let hasInherited = false;
    for (const dead of threads.dead(views.thread)) {
      if (!threads.takeOver(dead, views.thread)) continue;
      threads.setBusy(views.thread, true);
      const bytes = this.takeRecords(dead);
      this.takeCounts(dead);
      this.strikeOut(dead, bytes);
      threads.vacate(dead);
      threads.setBusy(views.thread, false);
      hasInherited = true;
    }
    this.repair();
    this.left.sweep();
    return hasInherited;
  }

  /**
   * Takes up the free records and rows of scopes of those that had this thread's number before: an heir leaves them where they
   * are, so that threads which come and go do not use up the table.
   */
  adopt(): void {
    const { ledger } = this.owner;
    if (this.sharing.threads.epoch(ledger.thread) === 0) return;
    ledger.collectFreeRecords();
    this.left.adopt();
  }

  /** @returns bytes of all that are now charged to this thread */
  private takeRecords(dead: number): number {
    const { ledger } = this.owner;
    const pools = this.owner.pools();
    const { words } = ledger;
    const own = ledger.thread << PLACE_THREAD_SHIFT;
    const bytesByPool = new Float64Array(POOLS_MAX);
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      const place = Atomics.load(words, at + RECORD_PLACE);
      if ((place & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT !== dead) continue;
      if ((ledger.word(at + RECORD_GENERATION) & 1) === 0) continue;
      const kept = (place & ~(PLACE_THREAD_MASK | PLACE_ORPHANED)) | own;
      if ((place & PLACE_TRANSIT) !== 0) {
        // Unless its receiver has just taken it.
        Atomics.compareExchange(words, at + RECORD_PLACE, place, kept);
      } else {
        if ((place & PLACE_ALLOCATION) !== 0) words[at + RECORD_LINK] = NO_SLOT;
        words[at + RECORD_PLACE] = kept;
        const index = place & PLACE_POOL_MASK;
        bytesByPool[index] = (bytesByPool[index] ?? 0) + ledger.double(record << 2);
        pools[index]?.recovery.recordLost(record);
        ledger.spares?.noteCame(1);
      }
    }
    this.left.inherit(dead);
    for (const pool of pools) this.takePool(pool, dead, bytesByPool[pool.index] ?? 0);
    return bytesByPool.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The pool's records are charged to this thread from now on, with what the dead one had drawn for them. */
  private takePool(pool: MemoryPool, dead: number, bytes: number): void {
    const { share } = pool;
    if (share === undefined) return;
    share.account.inherit(dead, bytes);
    share.drawnBytes += bytes;
    this.owner.carry(pool, bytes);
    pool.addToTally(TALLY_USED, bytes);
    pool.settleLevel();
    this.unrepaired.set(share.account.row, share.account);
  }

  private takeCounts(dead: number): void {
    const { doubles } = this.owner.ledger;
    for (const pool of this.owner.pools()) {
      const from = tallyAt(dead, pool.index) >> 3;
      pool.share?.account.notePeak(Math.max(doubles[from + TALLY_PEAK] ?? 0, doubles[from + TALLY_PEAK_BEFORE] ?? 0));
      for (const figure of [TALLY_REJECTIONS, TALLY_LOST_COUNT, TALLY_LOST_BYTES])
        pool.addToTally(figure, doubles[from + figure] ?? 0);
      for (let figure = TALLY_HISTOGRAM; figure < TALLY_ROW_BYTES / 8; figure += 1)
        pool.addToTally(figure, doubles[from + figure] ?? 0);
      // Its arena is gone, and so are the handles without a record.
      doubles.fill(0, from, from + TALLY_ROW_BYTES / 8);
    }
  }

  private strikeOut(dead: number, bytes: number): void {
    const { manager, named } = this.sharing;
    manager.inherit(dead, bytes);
    this.unrepaired.set(manager.row, manager);
    // All of them: it may have died when it was about to enter one or had just left it, and so may an heir before this one.
    for (const account of named.all()) {
      if (account.tallyOf(dead) > 0) account.inherit(dead, 0);
      this.unrepaired.set(account.row, account);
    }
  }

  private repair(): void {
    const { manager, named } = this.sharing;
    for (const [row, account] of this.unrepaired) {
      const pool = this.owner.pools().find(({ share }) => share?.account.row === row);
      const isNamed = pool === undefined && row !== manager.row;
      const isRepaired = account.repair(() => (isNamed ? 0 : this.transitBytes(pool)));
      if (isRepaired && (!isNamed || named.repair(account))) this.unrepaired.delete(row);
    }
  }

  /** Of the records in transit, of one pool or of all. */
  private transitBytes(pool: MemoryPool | undefined): number {
    const { ledger } = this.owner;
    let bytes = 0;
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const place = ledger.word((record << 3) + RECORD_PLACE);
      if ((place & PLACE_TRANSIT) === 0 || (ledger.word((record << 3) + RECORD_GENERATION) & 1) === 0) continue;
      if (pool === undefined || (place & PLACE_POOL_MASK) === pool.index) bytes += ledger.double(record << 2);
    }
    return bytes;
  }
}
