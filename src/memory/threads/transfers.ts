import type { Slot } from '../arena/slot.ts';
import { MemoryAllocation } from '../allocation.ts';
import {
  PLACE_ALLOCATION,
  PLACE_ORPHANED,
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  RECORD_GENERATION,
  RECORD_LINK,
  RECORD_PLACE,
  RECORD_SCOPE,
  TALLY_USED,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { recordRange } from '../ledger/scan.ts';
import type { MemoryPool } from '../pool.ts';
import { MemoryReservation } from '../reservation.ts';
import type { Watch } from '../watch.ts';
import { Loan } from './loan.ts';
import type { Sharing } from './sharing.ts';
import { checkTicket, notInTransit, notSent } from './ticket.ts';

/**
 * A reservation or allocation on its way to another thread. It can be posted, and `memory.receive` there makes a handle of
 * it, once. Until then it is charged to its pool and to no scope.
 */
export interface TransferredMemory {
  readonly memtool: 'reservation' | 'allocation';
  /** Bytes. */
  readonly size: number;
  readonly ledgerId: number;
  readonly record: number;
  readonly generation: number;
  /** Of an allocation that is not empty: where its bytes are. */
  readonly place?: TransferredPlace;
}

export interface TransferredPlace {
  readonly shared: SharedArrayBuffer;
  readonly offset: number;
  readonly loan: SharedArrayBuffer;
}

/** The link of an allocation of no bytes. */
const NO_SLOT = -1;

/** What transfers need of their manager. */
export interface TransfersOwner {
  readonly ledger: Ledger;
  readonly watch: Watch;
  readonly pools: () => readonly MemoryPool[];
  /** What this thread has drawn of the manager's limit, for a pool, is so much more now, or less. */
  carry(pool: MemoryPool, bytes: number): void;
}

/** Moves what is held from this thread to others and back. */
export class Transfers {
  private readonly owner: TransfersOwner;
  private readonly sharing: Sharing;

  constructor(owner: TransfersOwner, sharing: Sharing) {
    this.owner = owner;
    this.sharing = sharing;
  }

  /** Takes a live record out of this thread; its handle must not be used again. */
  send(pool: MemoryPool, record: number, slot?: Slot, view?: Buffer): TransferredMemory {
    const { ledger } = this.owner;
    const at = record << 3;
    const size = ledger.double(record << 2);
    if (ledger.word(at + RECORD_SCOPE) !== 0) ledger.leaveScope(record, size);
    const generation = ledger.word(at + RECORD_GENERATION);
    const isAllocation = (ledger.word(at + RECORD_PLACE) & PLACE_ALLOCATION) !== 0;
    ledger.spares?.noteCame(-1);
    const place =
      slot === undefined || view === undefined ? undefined : this.lend(pool, slot, view, record, generation);
    this.move(pool, -size, () =>
      Atomics.store(
        ledger.words,
        at + RECORD_PLACE,
        (ledger.word(at + RECORD_PLACE) & ~PLACE_ORPHANED) | PLACE_TRANSIT,
      ),
    );
    return {
      memtool: isAllocation ? 'allocation' : 'reservation',
      size,
      ledgerId: ledger.id,
      record,
      generation,
      ...(place === undefined ? {} : { place }),
    };
  }

  /**
   * @returns `undefined` when the active scope's limit does not allow it; it may then be received elsewhere
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_NOT_IN_TRANSIT`
   */
  receive(sent: TransferredMemory): MemoryReservation | MemoryAllocation | undefined {
    const { ledger, watch } = this.owner;
    const { record, generation, size, place: bytes } = checkTicket(sent, ledger);
    const at = record << 3;
    const seen = this.placeInTransit(record, generation);
    const pool = this.owner.pools()[seen & PLACE_POOL_MASK];
    if (pool === undefined) throw notInTransit();
    const isAllocation = (seen & PLACE_ALLOCATION) !== 0;
    if (size !== ledger.double(record << 2) || isAllocation !== (sent.memtool === 'allocation')) throw notSent();
    const scope = ledger.scopes?.active();
    if (scope !== undefined && !scope.admits(size)) return pool.refuseFor(scope, size);
    const loan = bytes === undefined ? undefined : new Loan(bytes.loan);
    this.move(pool, size, () => {
      this.claim(record, generation);
      // Before the generation moves on: until then the sender takes the bytes to be on their way.
      loan?.markHeld(this.sharing.threads, ledger.thread);
      ledger.words[at + RECORD_GENERATION] = (generation + 2) | 0;
    });
    ledger.spares?.noteCame(1);
    scope?.enter(record, size);
    if (!isAllocation) {
      const reservation = new MemoryReservation(pool, record, (generation + 2) | 0);
      watch.register(reservation, record, (generation + 2) | 0);
      return reservation;
    }
    if (bytes === undefined || loan === undefined) {
      ledger.words[at + RECORD_LINK] = NO_SLOT;
      const empty = new MemoryAllocation(pool, record, (generation + 2) | 0, size, undefined, undefined);
      watch.register(empty, record, (generation + 2) | 0);
      return empty;
    }
    const { slot, view } = pool.borrow(bytes, size, loan);
    slot.record = record;
    ledger.words[at + RECORD_LINK] = slot.index;
    return new MemoryAllocation(pool, record, (generation + 2) | 0, size, slot, view);
  }

  /** Gives up what nobody has received and that is older than `ageSeconds`, of this thread and of those that have left. */
  drop(ageSeconds: number, onDrop: (record: number, pool: MemoryPool, bytes: number) => void): void {
    const { ledger } = this.owner;
    const pools = this.owner.pools();
    const { threads } = this.sharing;
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      const place = Atomics.load(ledger.words, at + RECORD_PLACE);
      const sender = (place & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT;
      const pool = pools[place & PLACE_POOL_MASK];
      if ((place & PLACE_TRANSIT) === 0 || pool === undefined) continue;
      if (sender !== ledger.thread && threads.isTaken(sender)) continue;
      if ((ledger.word(at + RECORD_GENERATION) & 1) === 0 || ledger.ageSeconds(record) <= ageSeconds) continue;
      const bytes = ledger.double(record << 2);
      if (this.dropOne(pool, record, place, bytes)) onDrop(record, pool, bytes);
    }
  }

  /** @returns false when it was received just now */
  private dropOne(pool: MemoryPool, record: number, place: number, bytes: number): boolean {
    const { ledger } = this.owner;
    const { threads, manager, views } = this.sharing;
    const own = (place & ~(PLACE_TRANSIT | PLACE_THREAD_MASK)) | (ledger.thread << PLACE_THREAD_SHIFT);
    threads.setBusy(views.thread, true);
    pool.share?.account.noteChange();
    manager.noteChange();
    const isOurs = Atomics.compareExchange(ledger.words, (record << 3) + RECORD_PLACE, place, own) === place;
    if (isOurs) {
      ledger.release(record);
      pool.share?.account.dropTransit(bytes);
      manager.dropTransit(bytes);
    }
    threads.setBusy(views.thread, false);
    return isOurs;
  }

  /** @throws MemtoolError `MEMTOOL_NOT_IN_TRANSIT` */
  private placeInTransit(record: number, generation: number): number {
    const { ledger } = this.owner;
    const place = Atomics.load(ledger.words, (record << 3) + RECORD_PLACE);
    if ((place & PLACE_TRANSIT) !== 0 && ledger.isLive(record, generation)) return place;
    throw notInTransit();
  }

  /** Makes a record in transit this thread's, unless it is another's already. @throws MemtoolError `MEMTOOL_NOT_IN_TRANSIT` */
  private claim(record: number, generation: number): void {
    const { ledger } = this.owner;
    const at = (record << 3) + RECORD_PLACE;
    for (;;) {
      const seen = this.placeInTransit(record, generation);
      const own = (seen & ~(PLACE_TRANSIT | PLACE_THREAD_MASK)) | (ledger.thread << PLACE_THREAD_SHIFT);
      // Not so when its sender has died, and an heir of that one has come between: it is in transit all the same.
      if (Atomics.compareExchange(ledger.words, at, seen, own) === seen) return;
    }
  }

  /** Moves what is charged and drawn for a record, to this thread or away from it; `claim` is the moment when it is another's. */
  private move(pool: MemoryPool, bytes: number, claim: () => void): void {
    const { threads, manager, views } = this.sharing;
    const { share } = pool;
    if (share === undefined) return;
    threads.setBusy(views.thread, true);
    try {
      share.account.noteChange();
      manager.noteChange();
      claim();
      if (bytes > 0) {
        share.account.takeUp(bytes);
        manager.takeUp(bytes);
      }
      share.drawnBytes += bytes;
      this.owner.carry(pool, bytes);
      pool.addToTally(TALLY_USED, bytes);
      if (bytes < 0) {
        share.account.sendOff(-bytes);
        manager.sendOff(-bytes);
      }
      // A repair that began after the first change may have read what was in transit before the move.
      share.account.noteChange();
      manager.noteChange();
    } finally {
      threads.setBusy(views.thread, false);
    }
    pool.settleLevel();
  }

  /** A slot that was borrowed goes on under the same loan. */
  private lend(pool: MemoryPool, slot: Slot, view: Buffer, record: number, generation: number): TransferredPlace {
    const { ledger } = this.owner;
    const { threads } = this.sharing;
    const loan = slot.loan ?? new Loan();
    loan.markSent(generation);
    // Its own object over the memory, which `bytes` was made of.
    const { buffer: shared, byteOffset: offset } = view;
    if (!(shared instanceof SharedArrayBuffer)) throw new TypeError('an allocation without shared memory');
    pool.lend(slot, view, () => loan.isBack(threads, (sent) => ledger.isLive(record, sent)));
    // Another object: whoever receives it is watched by it, and this one stays with the slot, even if that is this thread.
    return { shared: structuredClone(shared), offset, loan: loan.memory };
  }
}
