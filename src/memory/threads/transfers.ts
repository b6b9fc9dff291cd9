import { MemtoolError } from '../../errors.ts';
import type { Slot } from '../arena/slot.ts';
import { MemoryAllocation } from '../allocation.ts';
import {
  PLACE_ALLOCATION,
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
    const place =
      slot === undefined || view === undefined ? undefined : this.lend(pool, slot, view, record, generation);
    this.move(pool, -size, () =>
      Atomics.store(ledger.words, at + RECORD_PLACE, ledger.word(at + RECORD_PLACE) | PLACE_TRANSIT),
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
    const { record, generation, size, place: bytes } = this.check(sent);
    const at = record << 3;
    const seen = Atomics.load(ledger.words, at + RECORD_PLACE);
    const pool = this.owner.pools()[seen & PLACE_POOL_MASK];
    if (pool === undefined || (seen & PLACE_TRANSIT) === 0 || !ledger.isLive(record, generation)) throw notInTransit();
    const scope = ledger.scopes?.active();
    if (scope !== undefined && !scope.admits(size)) return pool.refuseFor(scope);
    const own = (seen & ~(PLACE_TRANSIT | PLACE_THREAD_MASK)) | (ledger.thread << PLACE_THREAD_SHIFT);
    const loan = bytes === undefined ? undefined : new Loan(bytes.loan);
    this.move(pool, size, () => {
      if (Atomics.compareExchange(ledger.words, at + RECORD_PLACE, seen, own) !== seen) throw notInTransit();
      // Before the generation moves on: until then the sender takes the bytes to be on their way.
      loan?.markHeld(this.sharing.threads, ledger.thread);
      ledger.words[at + RECORD_GENERATION] = (generation + 2) | 0;
    });
    scope?.enter(record, size);
    if ((own & PLACE_ALLOCATION) === 0) {
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

  /** Gives up what nobody has received for longer than `ageSeconds`. */
  drop(ageSeconds: number, onDrop: (record: number, pool: MemoryPool, bytes: number) => void): void {
    const { ledger } = this.owner;
    const pools = this.owner.pools();
    const own = (ledger.thread << PLACE_THREAD_SHIFT) | PLACE_TRANSIT;
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      const place = Atomics.load(ledger.words, at + RECORD_PLACE);
      const pool = pools[place & PLACE_POOL_MASK];
      if ((place & (PLACE_THREAD_MASK | PLACE_TRANSIT)) !== own || pool === undefined) continue;
      if ((ledger.word(at + RECORD_GENERATION) & 1) === 0 || ledger.ageSeconds(record) <= ageSeconds) continue;
      const bytes = ledger.double(record << 2);
      if (Atomics.compareExchange(ledger.words, at + RECORD_PLACE, place, place & ~PLACE_TRANSIT) !== place) continue;
      onDrop(record, pool, bytes);
      ledger.release(record);
      const { threads, manager, views } = this.sharing;
      threads.setBusy(views.thread, true);
      pool.share?.account.dropTransit(bytes);
      manager.dropTransit(bytes);
      threads.setBusy(views.thread, false);
    }
  }

  /** Moves what is charged and drawn for a record, to this thread or away from it; `claim` is the moment when it is another's. */
  private move(pool: MemoryPool, bytes: number, claim: () => void): void {
    const { threads, manager, views } = this.sharing;
    const { share } = pool;
    if (share === undefined) return;
    threads.setBusy(views.thread, true);
    try {
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
    loan.markSent();
    // Its own object over the memory, which `bytes` was made of.
    const { buffer: shared, byteOffset: offset } = view;
    if (!(shared instanceof SharedArrayBuffer)) throw new TypeError('an allocation without shared memory');
    pool.lend(slot, view, () => loan.isBack(threads, () => ledger.isLive(record, generation)));
    return { shared, offset, loan: loan.memory };
  }

  private check(sent: TransferredMemory): TransferredMemory {
    const { memtool, ledgerId, record, size } = (sent ?? {}) as Partial<TransferredMemory>;
    const [first, end] = recordRange(this.owner.ledger);
    const isOurs = (memtool === 'reservation' || memtool === 'allocation') && ledgerId === this.owner.ledger.id;
    if (isOurs && record !== undefined && record >= first && record < end && size !== undefined) return sent;
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      'What was given to receive() was not sent by a thread of this manager.',
      {
        hint: 'Post what transfer() returns, and receive it with the manager that joined the same memory.',
      },
    );
  }
}

function notInTransit(): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_NOT_IN_TRANSIT',
    'What was given to receive() has been received already, or a forced cleanup took it on its way.',
    { hint: 'Receive it once, in one thread, and soon.' },
  );
}
