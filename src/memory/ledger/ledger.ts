import { MemtoolError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { Thresholds } from '../level.ts';
import { LEVELS, type Level } from '../../report/level.ts';
import {
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_SPARE,
  PLACE_TRANSIT,
  CLOCK,
  HEADER,
  HEADER_DOUBLE,
  LABEL_TAG_MASK,
  LEDGER_MAGIC,
  LEDGER_VERSION,
  ledgerBytes,
  MANAGER_NAME_AT,
  MANAGER_NAME_BYTES,
  PLACE_LOST,
  PLACE_ORPHANED,
  POOL_DOUBLE,
  POOL_NAME_BYTES,
  POOL_NAME_OFFSET,
  POOL_ROW_BYTES,
  POOL_WORD,
  POOLS_AT,
  POOLS_MAX,
  RECORD_BIRTH,
  RECORD_BYTES,
  RECORD_GENERATION,
  RECORD_LABEL,
  RECORD_LINK,
  RECORD_PLACE,
  RECORD_SCOPE,
  RECORDS_MAX_DEFAULT,
  RECORDS_AT,
  RECORDS_MAX_MAX,
  SEGMENT_RECORDS,
  SITE_ROW_BYTES,
  SITES_AT,
  SITES_MAX,
  TAG_ROW_BYTES,
  TAGS_AT,
  TAGS_MAX,
  tallyAt,
} from './layout.ts';
import type { PoolConfig } from '../pool-options.ts';
import type { LeftScopes } from '../threads/left-scopes.ts';
import type { SpareRecords } from '../threads/spare-records.ts';
import type { Scopes } from '../scope/scopes.ts';
import { checkLedger } from './check-ledger.ts';
import { TextTable, writeText } from './text-table.ts';

export interface LedgerOptions {
  name: string;
  limitBytes: number;
  thresholds: Thresholds;
  recordsMax?: number | undefined;
}

/** Enough that no two ledgers of a process meet. */
const LEDGER_IDS: number = 2 ** 52;
/** What a fresh table below a full one would be too small to be of use. */
const RECORDS_MAX_SMALLEST = 1024;

/** The writing side of the ledger, for one thread: tables, records, tags. */
export class Ledger {
  readonly shared: SharedArrayBuffer;
  /** Fixed-length views: a view that tracks the buffer's length costs 22 ns an access, these 1.0-1.3. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly thread: number;
  readonly clock: Clock;
  /** First record of this thread's free list, linked through `RECORD_LINK`; 0 when it is empty. Read by the hot path. */
  freeRecord = 0;
  /** The scopes of this thread, once the first one was opened: nothing of them costs a program that has none. */
  scopes: Scopes | undefined = undefined;
  /** Scopes of dead threads whose records are this one's now. */
  leftScopes: LeftScopes | undefined = undefined;
  /** Free records of other threads, once there may be any. */
  spares: SpareRecords | undefined = undefined;
  /** Rows of scopes that this thread may use again. */
  readonly freeScopeRows: number[] = [];
  /** Reservations until the next one is watched (watch.ts). Counted down by the hot path. */
  untilWatch = 1;
  private readonly recordsMax: number;
  private readonly tags: TextTable;
  private readonly sites: TextTable;
  /** The tag that came last, since a program asks with the same one again and again: a pointer compared, not a hash. */
  private lastTag = '';
  private lastTagIndex = 0;

  private constructor(shared: SharedArrayBuffer, thread: number, clock: Clock) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, shared.byteLength >> 2);
    this.doubles = new Float64Array(shared, 0, shared.byteLength >> 3);
    this.thread = thread;
    this.clock = clock;
    this.recordsMax = this.word(HEADER.recordsMax);
    this.tags = new TextTable(shared, HEADER.tagCount, TAGS_AT, TAG_ROW_BYTES, TAGS_MAX);
    this.sites = new TextTable(shared, HEADER.siteCount, SITES_AT, SITE_ROW_BYTES, SITES_MAX);
  }

  static create(options: LedgerOptions, clock: Clock): Ledger {
    const recordsMax = roundedRecords(options.recordsMax ?? RECORDS_MAX_DEFAULT);
    const { shared, granted } = allocateShared(recordsMax);
    const words = new Int32Array(shared, 0, 64);
    words[HEADER.magic] = LEDGER_MAGIC;
    words[HEADER.recordsMax] = granted;
    words[HEADER.threadCount] = 1;
    words[HEADER.scopeRows] = 1;
    words[HEADER.watchedOneIn] = 1;
    const ledger = new Ledger(shared, 0, clock);
    ledger.doubles[HEADER_DOUBLE.clockOriginSeconds] = clock.readSeconds();
    ledger.doubles[HEADER_DOUBLE.managerLimitBytes] = options.limitBytes;
    ledger.doubles[HEADER_DOUBLE.warningRatio] = options.thresholds.warning;
    ledger.doubles[HEADER_DOUBLE.criticalRatio] = options.thresholds.critical;
    ledger.doubles[HEADER_DOUBLE.ledgerId] = 1 + Math.floor(Math.random() * LEDGER_IDS);
    writeText(shared, MANAGER_NAME_AT, MANAGER_NAME_BYTES, options.name);
    ledger.tags.initialise('(other tags)');
    ledger.sites.initialise('(other stacks)');
    // The version comes last: who sees it sees all of the above.
    Atomics.store(words, HEADER.version, LEDGER_VERSION);
    return ledger;
  }

  /** The side of another thread, over the same memory. @throws MemtoolError `MEMTOOL_LEDGER_VERSION` */
  static join(shared: SharedArrayBuffer, thread: number, clock: Clock): Ledger {
    checkLedger(shared);
    return new Ledger(shared, thread, clock);
  }

  /** Enters a pool and gives its index. @throws MemtoolError `MEMTOOL_TOO_MANY_POOLS` */
  addPool({ name, limitBytes, blockBytes, staleAfterSeconds }: PoolConfig): number {
    const index = this.word(HEADER.poolCount);
    if (index >= POOLS_MAX) {
      throw new MemtoolError(
        'MEMTOOL_TOO_MANY_POOLS',
        `Pool ${JSON.stringify(name)} is one more than the ${POOLS_MAX} a manager can have.`,
        {
          hint: 'Use tags to tell apart what shares a budget; pools are for budgets.',
        },
      );
    }
    const at = POOLS_AT + index * POOL_ROW_BYTES;
    this.doubles[(at >> 3) + POOL_DOUBLE.limitBytes] = limitBytes;
    this.doubles[(at >> 3) + POOL_DOUBLE.blockBytes] = blockBytes;
    this.doubles[(at >> 3) + POOL_DOUBLE.staleAfterSeconds] = staleAfterSeconds;
    writeText(this.shared, at + POOL_NAME_OFFSET, POOL_NAME_BYTES, name);
    Atomics.store(this.words, HEADER.poolCount, index + 1);
    return index;
  }

  /** Index in `doubles` of this thread's tally of a pool. */
  tally(pool: number): number {
    return tallyAt(this.thread, pool) >> 3;
  }

  setPoolLevel(pool: number, level: Level): void {
    this.words[((POOLS_AT + pool * POOL_ROW_BYTES) >> 2) + POOL_WORD.level] = LEVELS.indexOf(level);
  }

  setPoolLimit(pool: number, limitBytes: number): void {
    this.doubles[((POOLS_AT + pool * POOL_ROW_BYTES) >> 3) + POOL_DOUBLE.limitBytes] = limitBytes;
  }

  setManagerLimit(limitBytes: number): void {
    this.doubles[HEADER_DOUBLE.managerLimitBytes] = limitBytes;
  }

  setManagerLevel(level: Level): void {
    this.words[HEADER.managerLevel] = LEVELS.indexOf(level);
  }

  /** Observers of this thread that came or went. */
  countObservers(change: number): void {
    Atomics.add(this.words, HEADER.observerCount, change);
  }

  get watchedOneIn(): number {
    return this.word(HEADER.watchedOneIn);
  }

  set watchedOneIn(count: number) {
    this.words[HEADER.watchedOneIn] = count;
  }

  get id(): number {
    return this.double(HEADER_DOUBLE.ledgerId);
  }

  /** Moves the shared clock on. @returns seconds since the ledger was made */
  beat(): number {
    return beat(this.words, this.doubles, this.clock.readSeconds());
  }

  /** Age of a live record in whole seconds. */
  ageSeconds(record: number): number {
    return this.word(CLOCK) - this.word((record << 3) + RECORD_BIRTH);
  }

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION` when the tag is not a string. */
  tagIndex(tag: string): number {
    if (tag === this.lastTag) return this.lastTagIndex;
    if (typeof tag !== 'string') {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The tag is a value of type ${typeof tag}, and no text.`, {
        hint: "Give a short constant text, as in { tag: 'profile-rows' }.",
      });
    }
    const index = tag === '' ? 0 : this.tags.enter(tag);
    this.lastTag = tag;
    this.lastTagIndex = index;
    return index;
  }

  tagText(index: number): string | null {
    return this.tags.read(index);
  }

  /** Tag of a record, live or just freed. */
  tagOf(record: number): string | null {
    return this.tags.read(this.word((record << 3) + RECORD_LABEL) & LABEL_TAG_MASK);
  }

  /** Tag of the record that a handle was given; `null` once the record has gone to another. */
  tagOfHandle(record: number, generation: number): string | null {
    const age = (this.word((record << 3) + RECORD_GENERATION) - generation) | 0;
    return age === 0 || age === 1 ? this.tagOf(record) : null;
  }

  siteIndex(stack: string): number {
    return this.sites.enter(stack);
  }

  /** Fills the free list with one more segment of records. @returns its first record, or 0 when the table is full */
  claimSegment(): number {
    const spare = this.spares?.take() ?? 0;
    if (spare !== 0) return spare;
    const segments = this.recordsMax / SEGMENT_RECORDS;
    const segment = Atomics.add(this.words, HEADER.segmentCount, 1);
    if (segment >= segments) {
      Atomics.store(this.words, HEADER.segmentCount, segments);
      return 0;
    }
    const first = RECORDS_AT / RECORD_BYTES + segment * SEGMENT_RECORDS;
    const owner = this.thread << PLACE_THREAD_SHIFT;
    // Linked so that neighbours are handed out in order.
    for (let record = first; record < first + SEGMENT_RECORDS - 1; record += 1) {
      this.words[(record << 3) + RECORD_PLACE] = owner;
      this.words[(record << 3) + RECORD_LINK] = record + 1;
    }
    this.words[((first + SEGMENT_RECORDS - 1) << 3) + RECORD_PLACE] = owner;
    this.words[((first + SEGMENT_RECORDS - 1) << 3) + RECORD_LINK] = this.freeRecord;
    this.freeRecord = first;
    return first;
  }

  /**
   * Takes a record and makes it live. Part of the hot path.
   *
   * @returns 0 when the table is full
   */
  enter(bytes: number, label: number, place: number): number {
    const { words } = this;
    let record = this.freeRecord;
    if (record === 0) {
      record = this.claimSegment();
      if (record === 0) return 0;
    }
    const at = record << 3;
    // `!`: the words of a record and of the header are always within the view.
    this.freeRecord = words[at + RECORD_LINK]!;
    this.doubles[record << 2] = bytes;
    words[at + RECORD_BIRTH] = words[CLOCK]!;
    words[at + RECORD_LABEL] = label;
    words[at + RECORD_PLACE] = place;
    words[at + RECORD_GENERATION] = (words[at + RECORD_GENERATION]! + 1) | 0;
    return record;
  }

  /** Makes a free list of the records that earlier threads of this row have left. What one of them sent stays on its way. */
  collectFreeRecords(): void {
    const { words } = this;
    for (const record of this.ownRecords()) {
      const at = record << 3;
      const generation = this.word(at + RECORD_GENERATION);
      if ((generation & 1) !== 0 || (this.word(at + RECORD_PLACE) & PLACE_SPARE) !== 0) continue;
      // Of a segment that a thread is taking just now, what it has not come to looks like the first thread's.
      if (this.thread === 0 && generation === 0 && this.word(at + RECORD_LINK) === 0) continue;
      // It may have been about to be cleared when its thread died.
      words[at + RECORD_SCOPE] = 0;
      words[at + RECORD_LINK] = this.freeRecord;
      this.freeRecord = record;
    }
  }

  /** Whether this thread has a live record or an open scope. What is on its way to another needs this one no more. */
  holdsAnything(): boolean {
    for (const record of this.ownRecords()) {
      const isLive = (this.word((record << 3) + RECORD_GENERATION) & 1) !== 0;
      if (isLive && (this.word((record << 3) + RECORD_PLACE) & PLACE_TRANSIT) === 0) return true;
    }
    return this.scopes !== undefined && !this.scopes.isEmpty;
  }

  /** Live and free. */
  private *ownRecords(): Iterable<number> {
    const own = this.thread << PLACE_THREAD_SHIFT;
    const first = RECORDS_AT / RECORD_BYTES;
    const end = first + this.word(HEADER.segmentCount) * SEGMENT_RECORDS;
    for (let record = first; record < end; record += 1)
      if ((this.word((record << 3) + RECORD_PLACE) & PLACE_THREAD_MASK) === own) yield record;
  }

  /** Whether the record is still the one that a handle of this generation was given. */
  isLive(record: number, generation: number): boolean {
    return this.word((record << 3) + RECORD_GENERATION) === generation;
  }

  /** Ends a record and puts it on the free list; its label stays readable until it is used again. */
  release(record: number): void {
    const at = record << 3;
    this.words[at + RECORD_GENERATION] = (this.words[at + RECORD_GENERATION]! + 1) | 0;
    this.words[at + RECORD_LINK] = this.freeRecord;
    this.freeRecord = record;
  }

  /** A record that is charged to a scope is freed. */
  leaveScope(record: number, bytes: number): void {
    const row = this.word((record << 3) + RECORD_SCOPE);
    this.words[(record << 3) + RECORD_SCOPE] = 0;
    this.scopes?.leave(row, bytes);
    this.leftScopes?.leave(row);
  }

  setPool(record: number, pool: number): void {
    const at = (record << 3) + RECORD_PLACE;
    this.words[at] = (this.word(at) & ~PLACE_POOL_MASK) | pool;
  }

  markOrphaned(record: number): void {
    const at = (record << 3) + RECORD_PLACE;
    this.words[at] = this.word(at) | PLACE_ORPHANED;
  }

  markLost(record: number): void {
    const at = (record << 3) + RECORD_PLACE;
    this.words[at] = this.word(at) | PLACE_LOST;
  }

  /** Every index below the buffer's length has a value; `?? 0` tells the compiler so. */
  word(index: number): number {
    return this.words[index] ?? 0;
  }

  double(index: number): number {
    return this.doubles[index] ?? 0;
  }
}

/** Moves the clock cell on to `nowSeconds`, never back. */
export function beat(words: Int32Array, doubles: Float64Array, nowSeconds: number): number {
  const seconds = Math.floor(nowSeconds - (doubles[HEADER_DOUBLE.clockOriginSeconds] ?? 0));
  for (;;) {
    const shown = Atomics.load(words, CLOCK);
    if (shown >= seconds) return shown;
    if (Atomics.compareExchange(words, CLOCK, shown, seconds) === shown) return seconds;
  }
}

function roundedRecords(recordsMax: number): number {
  if (!Number.isInteger(recordsMax) || recordsMax < 1 || recordsMax > RECORDS_MAX_MAX) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `recordsMax is ${String(recordsMax)}.`, {
      hint: `Give a whole number from 1 to ${RECORDS_MAX_MAX}; each record takes ${RECORD_BYTES} bytes once it is used.`,
    });
  }
  return Math.ceil(recordsMax / SEGMENT_RECORDS) * SEGMENT_RECORDS;
}

/** A host that forbids overcommitting may refuse the full length: fewer records are better than no manager. */
function allocateShared(recordsMax: number): { shared: SharedArrayBuffer; granted: number } {
  for (let granted = recordsMax; ; granted = roundedRecords(granted / 2)) {
    const bytes = ledgerBytes(granted);
    try {
      return { shared: new SharedArrayBuffer(bytes, { maxByteLength: bytes }), granted };
    } catch (error) {
      if (granted <= RECORDS_MAX_SMALLEST) throw error;
    }
  }
}
