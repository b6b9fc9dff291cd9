import { Arena } from './arena/arena.ts';
import type { Slot } from './arena/slot.ts';
import type { Account } from './account.ts';
import { MemoryAllocation } from './allocation.ts';
import {
  TALLY_UNRECORDED,
  PLACE_ALLOCATION,
  RECORD_GENERATION,
  RECORD_LINK,
  RECORD_PLACE,
  TALLY_ARENA_HELD,
  TALLY_ARENA_USED,
  TALLY_FLOOR,
  TALLY_HISTOGRAM,
  TALLY_PEAK,
  TALLY_REJECTIONS,
  TALLY_TRIPWIRE,
  TALLY_USED,
} from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';
import { fallBytes, nextLevel, riseBytes, type Thresholds } from './level.ts';
import type { Consumer } from './limit-error.ts';
import { MemoryLimitError } from './limit-error.ts';
import { MemoryReservation, UNRECORDED } from './reservation.ts';
import { checkSize, sizeBucket } from './size.ts';
import type { StackSampler } from './stack-sampler.ts';
import type { Watch } from './watch.ts';
import type { Level } from '../report.ts';

export interface ReserveOptions {
  /** What it is for: a short constant text; leaks and refusals are told apart by it. */
  tag?: string;
}

export interface AllocateOptions extends ReserveOptions {
  /** Fill the bytes with zeros. Default false: they hold whatever was there, as with `Buffer.allocUnsafe`. */
  zero?: boolean;
}

/** The link of an allocation of no bytes. */
const NO_SLOT = -1;

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
  /** Raises `pool.allowanceBytes` to `usedBytes` at least, if the manager's own limit allows. */
  draw(pool: MemoryPool, usedBytes: number): boolean;
  levelChanged(account: Account, previous: Level): void;
  consumers(pool: MemoryPool): Consumer[];
}

/** @internal */
export interface PoolConfig {
  name: string;
  limitBytes: number;
  blockBytes: number;
  /** Stale records older than this are taken without asking; `Infinity` without. */
  staleAfterSeconds: number;
}

/**
 * A named budget. Nothing beyond its limit is ever granted; a refusal is `undefined`, or a `MemoryLimitError` from the
 * methods that end in `OrThrow`.
 */
export class MemoryPool implements Account {
  readonly kind = 'pool';
  readonly name: string;
  /** `Infinity` without a limit. */
  readonly limitBytes: number;
  readonly blockBytes: number;
  /** @internal */
  readonly staleAfterSeconds: number;
  /** @internal */
  readonly ledger: Ledger;
  /** @internal */
  readonly index: number;
  /** How far this pool may go before it must ask the manager again. @internal */
  allowanceBytes: number;
  /** @internal */
  level: Level = 'normal';
  /** Records marked as lost, and lost slots without a record. @internal */
  readonly lostRecords: number[] = [];
  /** @internal */
  readonly lostSlots: Slot[] = [];
  private readonly owner: PoolOwner;
  private readonly watch: Watch;
  private readonly sampler: StackSampler;
  /** Index in `ledger.doubles` of this thread's tally. */
  private readonly tally: number;
  private arenaMade: Arena | undefined;
  /** The account that refused last; what `OrThrow` reports. */
  private refusedBy: Account;

  /** @internal */
  constructor(owner: PoolOwner, config: PoolConfig) {
    this.name = config.name;
    this.limitBytes = config.limitBytes;
    this.blockBytes = config.blockBytes;
    this.staleAfterSeconds = config.staleAfterSeconds;
    this.owner = owner;
    this.ledger = owner.ledger;
    this.watch = owner.watch;
    this.sampler = owner.sampler;
    this.index = this.ledger.addPool(config.name, config.limitBytes, config.blockBytes);
    this.tally = this.ledger.tally(this.index);
    this.allowanceBytes = owner.limitBytes === Infinity ? Infinity : 0;
    this.refusedBy = this;
    this.setTripwire();
  }

  /** Sum of what is held, to the byte. */
  get usedBytes(): number {
    return this.figure(TALLY_USED);
  }

  get peakBytes(): number {
    return this.figure(TALLY_PEAK);
  }

  /**
   * Charges memory that lives elsewhere.
   *
   * @param bytes whole bytes; 0 is allowed
   * @returns `undefined` when the pool's or the manager's limit does not allow it
   * @throws MemtoolError `MEMTOOL_INVALID_SIZE`, `MEMTOOL_CLOSED`
   */
  reserve(bytes: number, options?: ReserveOptions): MemoryReservation | undefined {
    // The hot path. NaN, fractions, negative numbers and what is above 2^32 go the long way.
    if (bytes >>> 0 !== bytes) checkSize(bytes, 'The size to reserve');
    const { ledger } = this;
    const tag = options === undefined || options.tag === undefined ? 0 : ledger.tagIndex(options.tag);
    if (!this.charge(bytes)) return undefined;
    this.countSize(bytes);
    const record = ledger.enter(bytes, tag, this.index);
    if (record === UNRECORDED) return this.unrecorded(bytes);
    const generation = ledger.words[(record << 3) + RECORD_GENERATION]!;
    const handle = new MemoryReservation(this, record, generation);
    if (--ledger.untilWatch <= 0) this.watch.register(handle, record, generation);
    if (tag === 0) this.sampler.pass(bytes, record, generation);
    return handle;
  }

  /** As `reserve`. @throws MemoryLimitError when refused */
  reserveOrThrow(bytes: number, options?: ReserveOptions): MemoryReservation {
    const reservation = this.reserve(bytes, options);
    if (reservation === undefined) throw this.refusal(bytes, options?.tag ?? null);
    return reservation;
  }

  /**
   * Takes real memory out of the pool's arena.
   *
   * @param bytes whole bytes; 0 gives an empty Buffer
   * @returns `undefined` when a limit does not allow it, the system has no memory, or a Buffer cannot be that long
   *   (4 GiB on Node 20)
   * @throws MemtoolError `MEMTOOL_INVALID_SIZE`, `MEMTOOL_CLOSED`; with `poison` also `MEMTOOL_WRITE_AFTER_FREE`
   */
  allocate(bytes: number, options?: AllocateOptions): MemoryAllocation | undefined {
    if (bytes >>> 0 !== bytes) checkSize(bytes, 'The size to allocate');
    const { ledger } = this;
    const tag = options === undefined || options.tag === undefined ? 0 : ledger.tagIndex(options.tag);
    const { tally } = this;
    const peakBytes = ledger.doubles[tally + TALLY_PEAK]!;
    if (!this.charge(bytes)) return undefined;
    let slot: Slot | undefined;
    let view: Buffer | undefined;
    if (bytes > 0) {
      const arena = (this.arenaMade ??= this.makeArena());
      slot = this.takeSlot(arena, bytes, peakBytes);
      if (slot === undefined) return undefined;
      view = arena.takeView(slot, bytes);
      if (options !== undefined && options.zero === true) view.fill(0);
      const { doubles } = ledger;
      doubles[tally + TALLY_ARENA_USED] = doubles[tally + TALLY_ARENA_USED]! + bytes;
      doubles[tally + TALLY_ARENA_HELD] = arena.heldBytes;
    }
    this.countSize(bytes);
    const record = ledger.enter(bytes, tag, this.index | PLACE_ALLOCATION);
    let generation = 0;
    if (record === UNRECORDED) this.countUnrecorded(1);
    else {
      ledger.words[(record << 3) + RECORD_LINK] = slot === undefined ? NO_SLOT : slot.index;
      generation = ledger.words[(record << 3) + RECORD_GENERATION]!;
      if (tag === 0) this.sampler.pass(bytes, record, generation);
    }
    if (slot !== undefined) slot.record = record;
    return new MemoryAllocation(this, record, generation, bytes, slot, view);
  }

  /** As `allocate`. @throws MemoryLimitError when refused */
  allocateOrThrow(bytes: number, options?: AllocateOptions): MemoryAllocation {
    const allocation = this.allocate(bytes, options);
    if (allocation === undefined) throw this.refusal(bytes, options?.tag ?? null);
    return allocation;
  }

  /** Counts `bytes` as used, or refuses and leaves no trace but a rejection. @internal */
  charge(bytes: number): boolean {
    const { tally } = this;
    const { doubles } = this.ledger;
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
    if (used < doubles[tally + TALLY_FLOOR]!) this.settleLevel();
  }

  /** Charges what another pool hands over, as an allocation of this one. @internal */
  receive(bytes: number, record: number): boolean {
    if (!this.charge(bytes)) return false;
    this.countSize(bytes);
    if (record === UNRECORDED) this.countUnrecorded(1);
    else this.ledger.setPool(record, this.index);
    return true;
  }

  /** Counts `bytes` of a reservation as gone, whose record, if it has one, is no longer this pool's. @internal */
  handOver(bytes: number, record: number): void {
    if (record === UNRECORDED) this.countUnrecorded(-1);
    this.discharge(bytes);
  }

  /** Counts live handles without a record. @internal */
  countUnrecorded(change: 1 | -1): void {
    const at = this.tally + TALLY_UNRECORDED;
    this.ledger.doubles[at] = this.ledger.double(at) + change;
  }

  /** Takes a slot back from its allocation. @internal */
  returnSlot(slot: Slot, view: Buffer): void {
    this.changeArena((arena) => arena.giveBack(slot, view), slot.size);
  }

  /**
   * Releases a record without its handle, for cleanup. The bytes of an allocation are reused at once when they are lost,
   * and only when nobody can reach them any more otherwise.
   *
   * @internal
   */
  take(record: number): void {
    const at = record << 3;
    const bytes = this.ledger.double(record << 2);
    const isAllocation = (this.ledger.word(at + RECORD_PLACE) & PLACE_ALLOCATION) !== 0;
    const slot = isAllocation ? this.arenaMade?.slot(this.ledger.word(at + RECORD_LINK)) : undefined;
    this.ledger.release(record);
    if (slot !== undefined) this.takeFromHolder(slot);
    this.discharge(bytes);
  }

  /** Marks a record as lost. @internal */
  recordLost(record: number): void {
    this.ledger.markLost(record);
    this.lostRecords.push(record);
  }

  /**
   * Releases everything that is known to be lost.
   *
   * @param onRelease is told of each beforehand; `record` is 0 where there is none
   * @internal
   */
  releaseLost(onRelease?: (record: number, bytes: number) => void): void {
    for (const record of this.lostRecords.splice(0)) {
      onRelease?.(record, this.ledger.double(record << 2));
      this.take(record);
    }
    for (const slot of this.lostSlots.splice(0)) {
      onRelease?.(UNRECORDED, slot.size);
      const { size } = slot;
      this.countUnrecorded(-1);
      this.takeFromHolder(slot);
      this.discharge(size);
    }
  }

  /** Gives idle arena memory back to the system. @returns bytes @internal */
  trim(): number {
    let trimmed = 0;
    this.changeArena((arena) => (trimmed = arena.trim()), 0);
    return trimmed;
  }

  /** What `trim` would give back. @internal */
  get idleBytes(): number {
    return this.arenaMade?.idleSegmentBytes ?? 0;
  }

  /** The error for a request that was just refused. @internal */
  refusal(askedBytes: number, tag: string | null): MemoryLimitError {
    return new MemoryLimitError({
      account: this.refusedBy,
      pool: this.name,
      askedBytes,
      tag,
      consumers: this.owner.consumers(this),
    });
  }

  /** Sets the tripwire where the fast path must next stop: a threshold, the limit or the manager's allowance. @internal */
  setTripwire(): void {
    const { doubles } = this.ledger;
    const { thresholds, isClosed } = this.owner;
    const rise = riseBytes(this.level, this.limitBytes, thresholds);
    doubles[this.tally + TALLY_TRIPWIRE] = isClosed ? -1 : Math.min(rise, this.allowanceBytes);
    doubles[this.tally + TALLY_FLOOR] = fallBytes(this.level, this.limitBytes, thresholds);
  }

  /** Brings the level up to date with `usedBytes`. @internal */
  settleLevel(usedBytes: number = this.usedBytes): void {
    const previous = this.level;
    this.level = nextLevel(previous, usedBytes, this.limitBytes, this.owner.thresholds);
    this.setTripwire();
    if (this.level === previous) return;
    this.ledger.setPoolLevel(this.index, this.level);
    this.owner.levelChanged(this, previous);
  }

  /** Behind the tripwire: says whether `bytes` more may be charged, and moves the tripwire on. */
  private admit(bytes: number): boolean {
    this.owner.assertOpen();
    // What is known to be lost is nobody's: it is not worth a refusal.
    if (this.usedBytes + bytes > this.limitBytes) this.releaseLost();
    const wanted = this.usedBytes + bytes;
    const isAllowed = wanted <= this.limitBytes;
    if (!isAllowed || (wanted > this.allowanceBytes && !this.owner.draw(this, wanted))) {
      this.countRejection(isAllowed ? this.owner : this);
      return false;
    }
    this.settleLevel(wanted);
    return true;
  }

  /** Undoes the charge when the system has no memory, or the poison was found changed. */
  private takeSlot(arena: Arena, bytes: number, peakBytes: number): Slot | undefined {
    let slot: Slot | undefined;
    try {
      slot = arena.takeSlot(bytes);
    } finally {
      if (slot === undefined) {
        this.discharge(bytes);
        this.ledger.doubles[this.tally + TALLY_PEAK] = peakBytes;
      }
    }
    if (slot === undefined) this.countRejection(this);
    return slot;
  }

  /** The handle of a reservation for which the table has no record left. */
  private unrecorded(bytes: number): MemoryReservation {
    this.countUnrecorded(1);
    return new MemoryReservation(this, UNRECORDED, bytes);
  }

  private countSize(bytes: number): void {
    const { doubles } = this.ledger;
    const bucket = this.tally + TALLY_HISTOGRAM + sizeBucket(bytes);
    doubles[bucket] = doubles[bucket]! + 1;
  }

  private countRejection(refusedBy: Account): void {
    this.refusedBy = refusedBy;
    const rejections = this.tally + TALLY_REJECTIONS;
    this.ledger.doubles[rejections] = this.ledger.double(rejections) + 1;
  }

  private slotLost(slot: Slot): void {
    if (slot.record === UNRECORDED) this.lostSlots.push(slot);
    else this.recordLost(slot.record);
  }

  private takeFromHolder(slot: Slot): void {
    this.changeArena((arena) => (slot.state === 'lost' ? arena.releaseLost(slot) : arena.quarantine(slot)), slot.size);
  }

  private changeArena(change: (arena: Arena) => void, givenBackBytes: number): void {
    const arena = this.arenaMade;
    if (arena === undefined) return;
    change(arena);
    const used = this.tally + TALLY_ARENA_USED;
    this.ledger.doubles[used] = this.ledger.double(used) - givenBackBytes;
    this.ledger.doubles[this.tally + TALLY_ARENA_HELD] = arena.heldBytes;
  }

  private makeArena(): Arena {
    const { blockBytes, limitBytes } = this;
    return new Arena({ blockBytes, limitBytes, poison: this.owner.poison, onLost: (slot) => this.slotLost(slot) });
  }

  private figure(offset: number): number {
    return this.ledger.double(this.tally + offset);
  }
}
