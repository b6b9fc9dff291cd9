import { constants } from 'node:buffer';
import { Arena } from './arena/arena.ts';
import { OUT_UNRECORDED, type Slot } from './arena/slot.ts';
import { MemoryAllocation } from './allocation.ts';
import { Budget } from './budget.ts';
import type { CacheAccount, CacheSource } from './caches.ts';
import { REFUSAL, tellRefusal } from './diagnostics.ts';
import {
  CLOCK,
  PLACE_ALLOCATION,
  PLACE_KEPT,
  PLACE_THREAD_SHIFT,
  RECORD_BIRTH,
  RECORD_GENERATION,
  RECORD_LABEL,
  RECORD_LINK,
  RECORD_PLACE,
  TALLY_ARENA_HELD,
  TALLY_HISTOGRAM,
  TALLY_PEAK,
  TALLY_PEAK_BEFORE,
  TALLY_TRIPWIRE,
  TALLY_UNRECORDED,
  TALLY_USED,
} from './ledger/layout.ts';
import { MemoryLimitError } from './limit-error.ts';
import type { AllocateOptions, PoolConfig, PoolOwner, ReserveOptions } from './pool-options.ts';
import { Recovery } from './recovery.ts';
import { MemoryReservation, UNRECORDED } from './reservation.ts';
import { checkSize, sizeBucket } from './size.ts';
import { checkScope } from './scope/check-scope.ts';
import type { MemoryScope } from './scope/scope.ts';
import type { Scopes } from './scope/scopes.ts';
import type { StackSampler } from './stack-sampler.ts';
import type { Loan } from './threads/loan.ts';
import type { TransferredMemory, TransferredPlace } from './threads/transfers.ts';
import type { Watch } from './watch.ts';

const BUFFER_BYTES_MAX = constants.MAX_LENGTH;

/** The link of an allocation of no bytes. */
const NO_SLOT = -1;

/**
 * A named budget. Nothing beyond its limit is ever granted; a refusal is `undefined`, or a `MemoryLimitError` from the
 * methods that end in `OrThrow`.
 */
export class MemoryPool extends Budget {
  readonly kind = 'pool';
  readonly blockBytes: number;
  /** @internal */
  readonly staleAfterSeconds: number;
  /** @internal */
  readonly index: number;
  /** The index, and the thread: what the records of this pool have as their place. @internal */
  readonly place: number;
  /** @internal */
  readonly recovery: Recovery;
  private readonly watch: Watch;
  private readonly sampler: StackSampler;
  private readonly enterSlowly: (bytes: number, tag: number) => MemoryReservation;
  private arenaMade: Arena | undefined;

  /** @internal */
  constructor(owner: PoolOwner, config: PoolConfig) {
    const index = config.index ?? owner.ledger.addPool(config);
    super(owner, config.name, config.limitBytes, owner.ledger.tally(index));
    this.index = index;
    this.place = index | (owner.ledger.thread << PLACE_THREAD_SHIFT);
    this.blockBytes = config.blockBytes;
    this.staleAfterSeconds = config.staleAfterSeconds;
    this.watch = owner.watch;
    this.sampler = owner.sampler;
    this.enterSlowly = (bytes, tag) => this.enterReservation(bytes, tag);
    this.recovery = new Recovery(this, () => this.arenaMade);
  }

  /**
   * Charges memory that lives elsewhere.
   *
   * @param bytes whole bytes; 0 is allowed
   * @returns `undefined` when the pool's or the manager's limit does not allow it
   * @throws MemtoolError `MEMTOOL_INVALID_SIZE`, `MEMTOOL_CLOSED`
   */
  reserve(bytes: number, options?: ReserveOptions): MemoryReservation | undefined {
    // The hot path, written out: every call that the compiler does not put in place costs 2-5 ns.
    // NaN, fractions, negative numbers and what is above 2^31 go the long way.
    if (typeof bytes !== 'number' || (bytes | 0) !== bytes || bytes < 0) checkSize(bytes, 'The size to reserve');
    const { ledger, tally } = this;
    const tag = options === undefined || options.tag === undefined ? 0 : ledger.tagIndex(options.tag);
    const { doubles, words } = ledger;
    // `!` here and below: a tally's doubles and a record's words are always within the views.
    let used = doubles[tally]! + bytes;
    if (used > doubles[tally + TALLY_TRIPWIRE]!) {
      if (!this.admitOutside(bytes)) return undefined;
      used = doubles[tally]! + bytes;
    }
    doubles[tally] = used;
    if (used > doubles[tally + TALLY_PEAK]!) doubles[tally + TALLY_PEAK] = used;
    const bucket = tally + TALLY_HISTOGRAM + sizeBucket(bytes);
    doubles[bucket] = doubles[bucket]! + 1;

    const record = ledger.freeRecord;
    // Through Reflect.apply, since V8 would inline it, and then has no room left for what comes after: 29 ns, not 20.
    if (record === 0 || tag === 0 || --ledger.untilWatch <= 0)
      return Reflect.apply(this.enterSlowly, undefined, [bytes, tag]);
    const at = record << 3;
    ledger.freeRecord = words[at + RECORD_LINK]!;
    doubles[record << 2] = bytes;
    words[at + RECORD_BIRTH] = words[CLOCK]!;
    words[at + RECORD_LABEL] = tag;
    words[at + RECORD_PLACE] = this.place;
    const generation = (words[at + RECORD_GENERATION]! + 1) | 0;
    words[at + RECORD_GENERATION] = generation;
    return new MemoryReservation(this, record, generation);
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
    const isUsual = typeof bytes === 'number' && (bytes | 0) === bytes && bytes >= 0;
    if (!isUsual && !this.isBufferSize(bytes)) return this.refused(bytes, this.scopeOf(options, this.ledger.scopes));
    const { ledger } = this;
    const tag = options === undefined || options.tag === undefined ? 0 : ledger.tagIndex(options.tag);
    const peakBytes = ledger.doubles[this.tally + TALLY_PEAK]!;
    const scope = this.scopeOf(options, ledger.scopes);
    if (scope !== undefined && !scope.admits(bytes)) return this.refuseFor(scope, bytes);
    if (!this.charge(bytes)) return this.refused(bytes, scope);
    if (bytes === 0) return this.enterAllocation(0, tag, scope, undefined, undefined);
    const arena = this.arenaMade ?? this.makeArena();
    const slot = arena.takeSlot(bytes);
    if (slot === undefined) return this.refuseForSystem(bytes, peakBytes, scope);
    if (slot.poisoned) this.checkPoison(arena, slot, bytes, peakBytes);
    let { view } = slot;
    // The very Buffer of the last allocation when the length is the same: making another costs 50 ns.
    if (view === undefined || view.length !== bytes) view = arena.makeView(slot, bytes);
    slot.view = undefined;
    if (options !== undefined && options.zero === true) view.fill(0);
    if (tag === 0 || ledger.freeRecord === 0) return this.enterAllocation(bytes, tag, scope, slot, view);
    this.countSize(bytes);
    const record = ledger.enter(bytes, tag, this.place | PLACE_ALLOCATION);
    ledger.words[(record << 3) + RECORD_LINK] = slot.index;
    slot.record = record;
    if (scope !== undefined) scope.enter(record, bytes);
    return new MemoryAllocation(this, record, ledger.words[(record << 3) + RECORD_GENERATION]!, bytes, slot, view);
  }

  /** As `allocate`. @throws MemoryLimitError when refused */
  allocateOrThrow(bytes: number, options?: AllocateOptions): MemoryAllocation {
    const allocation = this.allocate(bytes, options);
    if (allocation === undefined) throw this.refusal(bytes, options?.tag ?? null);
    return allocation;
  }

  /** Has a cache shown, and asked to give back when the pool is short of memory. @internal */
  addCache(source: CacheSource): CacheAccount {
    return this.owner.cacheTable.add(this, source);
  }

  /**
   * An empty reservation for what its holder bounds and gives back when asked: in no scope and never stale. When its handle
   * is lost, that is certain, however many handles there are.
   *
   * @internal
   */
  keep(tag: string): MemoryReservation {
    this.owner.assertOpen();
    const { ledger } = this;
    this.countSize(0);
    const record = ledger.enter(0, ledger.tagIndex(tag), this.place | PLACE_KEPT);
    if (record === UNRECORDED) {
      this.countUnrecorded(1);
      return new MemoryReservation(this, UNRECORDED, 0);
    }
    const generation = ledger.words[(record << 3) + RECORD_GENERATION]!;
    const handle = new MemoryReservation(this, record, generation);
    this.watch.register(handle, record, generation);
    return handle;
  }

  /** Charges `bytes` more to a live record, and to its scope. @internal */
  growRecord(record: number, bytes: number): boolean {
    const scope = record > 0 ? this.ledger.scopes?.of(record) : undefined;
    if (scope !== undefined && !scope.admits(bytes)) {
      this.refuseFor(scope, bytes);
      return false;
    }
    if (!this.charge(bytes)) {
      this.refused(bytes, scope);
      return false;
    }
    scope?.commit(bytes);
    return true;
  }

  /** Gives back a part of a live record. @internal */
  shrinkRecord(record: number, bytes: number): void {
    if (record > 0) this.ledger.scopes?.of(record)?.release(bytes);
    this.discharge(bytes);
  }

  /** Charges what another pool hands over, as an allocation of this one. @internal */
  receive(bytes: number, record: number, from: MemoryPool): boolean {
    if (!this.hasRoom(bytes)) {
      this.countRejection(this);
      this.refused(bytes, record > 0 ? this.ledger.scopes?.of(record) : undefined);
      return false;
    }
    // What the manager allows goes along: its sum stays the same, so it has nothing to refuse. Only now, when nothing can be
    // given back in between: the other pool is allowed less than it has charged until it hands over.
    this.passAllowance(bytes, from, this);
    this.addToTally(TALLY_USED, bytes);
    this.addToTally(TALLY_PEAK, Math.max(0, this.ownBytes - this.figure(TALLY_PEAK)));
    this.settleLevel();
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
    this.addToTally(TALLY_UNRECORDED, change);
  }

  /** Takes a slot back from its allocation. @internal */
  returnSlot(slot: Slot, view: Buffer): void {
    this.arenaMade?.giveBack(slot, view);
  }

  /** Takes a record out of this thread, for another to receive. @internal */
  send(record: number, slot?: Slot, view?: Buffer): TransferredMemory {
    return this.owner.transfers.send(this, record, slot, view);
  }

  /** A slot goes to another thread, until `isBack`. @internal */
  lend(slot: Slot, view: Buffer, isBack: () => boolean): void {
    this.arenaMade?.lend(slot, view, isBack);
  }

  /** Bytes that another thread has lent. @internal */
  borrow({ shared, offset }: TransferredPlace, size: number, loan: Loan): { slot: Slot; view: Buffer } {
    return (this.arenaMade ?? this.makeArena()).borrow(shared, offset, size, loan);
  }

  /** Whether a handle has no record, or anybody may still look at bytes that another thread has lent. @internal */
  get isHeldUnrecorded(): boolean {
    return this.figure(TALLY_UNRECORDED) > 0 || this.arenaMade?.isBorrowing === true;
  }

  /** The thread has nothing in it any more, and no arena. @internal */
  leave(): void {
    this.trim();
    this.ledger.doubles[this.tally + TALLY_ARENA_HELD] = 0;
    this.share?.account.leave();
  }

  /** Of this thread, in bytes: the peak since the last call, from which on it is counted anew. @internal */
  restartPeak(): number {
    const { doubles } = this.ledger;
    const peakBytes = this.figure(TALLY_PEAK);
    // In this order, so that whoever reads meanwhile never finds less.
    doubles[this.tally + TALLY_PEAK_BEFORE] = this.ownPeakBytes;
    doubles[this.tally + TALLY_PEAK] = this.ownBytes;
    return peakBytes;
  }

  protected override get ownPeakBytes(): number {
    return Math.max(this.figure(TALLY_PEAK), this.figure(TALLY_PEAK_BEFORE));
  }

  /** Gives back arena memory that nobody has needed since the last call. @internal */
  decay(): void {
    this.arenaMade?.decay();
  }

  /** Gives idle arena memory back to the system. @returns bytes @internal */
  trim(): number {
    return this.arenaMade?.trim() ?? 0;
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
      consumers: this.owner.consumers(this.refusedBy),
    });
  }

  private passAllowance(bytes: number, from: MemoryPool, to: MemoryPool): void {
    if (from.allowanceBytes === Infinity) return;
    from.allowanceBytes -= bytes;
    to.allowanceBytes += bytes;
    from.setTripwire();
    to.setTripwire();
  }

  /**
   * Whether a size off the hot path can be allocated at all. What no Buffer can hold is refused before it is charged: no
   * level rises for it.
   */
  private isBufferSize(bytes: number): boolean {
    checkSize(bytes, 'The size to allocate');
    if (bytes <= BUFFER_BYTES_MAX) return true;
    this.owner.assertOpen();
    this.countRejection(this);
    return false;
  }

  /** The system has no memory: the request leaves no trace but a rejection. */
  private refuseForSystem(bytes: number, peakBytes: number, scope: MemoryScope | undefined): undefined {
    this.undoCharge(bytes, peakBytes);
    this.countRejection(this);
    return this.refused(bytes, scope);
  }

  private checkPoison(arena: Arena, slot: Slot, bytes: number, peakBytes: number): void {
    try {
      arena.checkPoison(slot);
    } catch (error) {
      this.undoCharge(bytes, peakBytes);
      throw error;
    }
  }

  /** The rest of `allocate`, of what is charged already: without bytes or a tag, or when a segment of records is due. */
  private enterAllocation(
    bytes: number,
    tag: number,
    scope: MemoryScope | undefined,
    slot: Slot | undefined,
    view: Buffer | undefined,
  ): MemoryAllocation {
    const { ledger } = this;
    this.countSize(bytes);
    const record = ledger.enter(bytes, tag, this.place | PLACE_ALLOCATION);
    if (record === UNRECORDED) {
      this.countUnrecorded(1);
      if (slot !== undefined) {
        slot.record = OUT_UNRECORDED;
        slot.unrecordedBytes = bytes;
      }
      return new MemoryAllocation(this, UNRECORDED, 0, bytes, slot, view);
    }
    if (scope !== undefined) scope.enter(record, bytes);
    ledger.words[(record << 3) + RECORD_LINK] = slot === undefined ? NO_SLOT : slot.index;
    const generation = ledger.words[(record << 3) + RECORD_GENERATION]!;
    const handle = new MemoryAllocation(this, record, generation, bytes, slot, view);
    if (slot !== undefined) slot.record = record;
    // Without bytes there is nothing whose end could tell that it is lost, but the handle itself.
    else this.watch.register(handle, record, generation);
    if (tag === 0) this.sampler.pass(bytes, record, generation);
    return handle;
  }

  /** The scope to charge: the one that is named, else the one that runs. */
  private scopeOf(options: ReserveOptions | undefined, scopes: Scopes | undefined): MemoryScope | undefined {
    if (options === undefined || options.scope === undefined) return scopes?.active();
    return checkScope(options.scope, this.ledger);
  }

  /** `reserve` in whatever scope, off the hot path. @internal */
  reserveSlowly(bytes: number, options?: ReserveOptions): MemoryReservation | undefined {
    if (typeof bytes !== 'number' || (bytes | 0) !== bytes || bytes < 0) checkSize(bytes, 'The size to reserve');
    const { ledger } = this;
    const tag = options === undefined || options.tag === undefined ? 0 : ledger.tagIndex(options.tag);
    const scope = this.scopeOf(options, ledger.scopes);
    if (scope !== undefined && !scope.admits(bytes)) return this.refuseFor(scope, bytes);
    if (!this.charge(bytes)) return this.refused(bytes, scope);
    this.countSize(bytes);
    if (ledger.freeRecord === 0 || tag === 0 || --ledger.untilWatch <= 0) {
      const handle: MemoryReservation = Reflect.apply(this.enterSlowly, undefined, [bytes, tag]);
      if (scope !== undefined && handle.record > 0) scope.enter(handle.record, bytes);
      return handle;
    }
    const record = ledger.enter(bytes, tag, this.place);
    if (scope !== undefined) scope.enter(record, bytes);
    return new MemoryReservation(this, record, ledger.words[(record << 3) + RECORD_GENERATION]!);
  }

  /** @internal */
  refuseFor(scope: MemoryScope, bytes: number): undefined {
    this.countRejection(scope.refuser);
    return this.refused(bytes, scope);
  }

  /** `admit` where there are no scopes; a call of its own keeps `reserve` as short as it was. */
  private admitOutside(bytes: number): boolean {
    if (this.admit(bytes)) return true;
    this.refused(bytes, undefined);
    return false;
  }

  /** Tells whoever wants to know of a refusal that is counted. */
  private refused(bytes: number, scope: MemoryScope | undefined): undefined {
    if (!REFUSAL.hasSubscribers) return;
    const { refusedBy } = this;
    tellRefusal(this.owner.name, this.name, refusedBy, bytes, scope);
    // Subscribers may have been refused something themselves, and the error is to be of this one.
    this.refusedBy = refusedBy;
  }

  /** The rest of `reserve`, of what is charged already: when a new segment of records, a watch or a stack is due. */
  private enterReservation(bytes: number, tag: number): MemoryReservation {
    const { ledger } = this;
    const record = ledger.enter(bytes, tag, this.place);
    if (record === UNRECORDED) {
      this.countUnrecorded(1);
      return new MemoryReservation(this, UNRECORDED, bytes);
    }
    const generation = ledger.words[(record << 3) + RECORD_GENERATION]!;
    const handle = new MemoryReservation(this, record, generation);
    if (ledger.untilWatch <= 0 || --ledger.untilWatch <= 0) this.watch.register(handle, record, generation);
    if (tag === 0) this.sampler.pass(bytes, record, generation);
    return handle;
  }

  private countSize(bytes: number): void {
    const { doubles } = this.ledger;
    const bucket = this.tally + TALLY_HISTOGRAM + sizeBucket(bytes);
    doubles[bucket] = doubles[bucket]! + 1;
  }

  protected override showLevel(): void {
    this.ledger.setPoolLevel(this.index, this.level);
  }

  protected override showLimit(): void {
    this.ledger.setPoolLimit(this.index, this.limitBytes);
  }

  protected override releaseLost(): void {
    this.recovery.releaseLost();
  }

  private makeArena(): Arena {
    const { blockBytes, tally } = this;
    const { doubles } = this.ledger;
    this.arenaMade = new Arena({
      blockBytes,
      limitBytes: () => this.limitBytes,
      poison: this.owner.poison,
      onLost: (slot) => this.recovery.slotLost(slot),
      onHeldChange: (heldBytes) => (doubles[tally + TALLY_ARENA_HELD] = heldBytes),
    });
    return this.arenaMade;
  }
}
