import type { Leak, ReleasedLost } from '../../report/leaks.ts';
import { LEVELS, type Level } from '../../report/level.ts';
import type { ScopeSort } from '../../report/scopes.ts';
import type { ManagerStats, PoolStats } from '../../report/stats.ts';
import { systemClock } from '../clock.ts';
import { describeGroup } from '../leaks.ts';
import { SharedAccount } from '../threads/shared-account.ts';
import { sharedViews, type SharedViews } from '../threads/shared-views.ts';
import { nextLevel, usedPercent, type Thresholds } from '../level.ts';
import {
  TALLY_UNRECORDED,
  HEADER,
  HEADER_DOUBLE,
  HISTOGRAM_BUCKETS,
  LABEL_SITE_SHIFT,
  LABEL_TAG_MASK,
  MANAGER_ACCOUNT,
  MANAGER_NAME_AT,
  MANAGER_NAME_BYTES,
  POOL_ACCOUNTS,
  POOL_DOUBLE,
  POOL_NAME_BYTES,
  POOL_NAME_OFFSET,
  POOL_ROW_BYTES,
  POOL_WORD,
  POOLS_AT,
  RECORD_BYTES,
  SCOPE_ROW_BYTES,
  SITE_ROW_BYTES,
  SITES_AT,
  SITES_MAX,
  TAG_ROW_BYTES,
  TALLY_ROW_BYTES,
  TAGS_AT,
  TAGS_MAX,
  TALLY_ARENA_HELD,
  TALLY_HISTOGRAM,
  TALLY_LOST_BYTES,
  TALLY_LOST_COUNT,
  TALLY_PEAK,
  TALLY_PEAK_BEFORE,
  TALLY_REJECTIONS,
  TALLY_USED,
  tallyAt,
} from './layout.ts';
import { checkLedger } from './check-ledger.ts';
import { beat } from './ledger.ts';
import { mergeGroups } from './merge-groups.ts';
import { groupRecords, recordRange, summarizePools, type GroupOptions, type PoolSummary } from './scan.ts';
import { ScopeReader, type ScopeSelection } from './scope-reader.ts';
import { readText, TextTable } from './text-table.ts';

/** Reads a ledger from any thread: no locks, nobody waits. */
export interface LedgerReader {
  readonly managerName: string;
  manager(): ManagerStats;
  pools(): PoolStats[];
  /** Pools, without looking at a record: for what asks every second. */
  usage(): PoolUsage[];
  /** The open scopes, of which at most `max` are described: the first by `sort`, largest first. */
  scopes(max: number, sort: ScopeSort): ScopeSelection;
  /** Those at `warning` or above, nearest to their limit first. */
  scopesNearLimit(max: number): ScopeSelection;
  /** Lost and orphaned whatever their age, stale when older than `ageSeconds`; grouped by kind, pool, tag or stack; most certain and largest first. */
  leaks(ageSeconds: number): Leak[];
  /** What was lost and has been released since, by pool; only where there was any. */
  released(): ReleasedLost[];
  /** Whether the application has anything to say of pools that others manage. */
  hasObservers(): boolean;
  /** Who holds a pool's memory, largest first, whatever its age; looks at no more than `recordsMax` records. */
  consumers(pool: string, recordsMax: number): { tag: string | null; stack: string[]; count: number; bytes: number }[];
  /** Of sizes asked for, by powers of two: element n counts sizes below 2^n and not below 2^(n-1); element 0 counts zero bytes. Empty for a pool that is not there. */
  sizes(pool: string): number[];
  /** Bytes of the ledger that have ever been touched. */
  touchedBytes(): number;
  /** Moves the shared one-second clock on; any thread may, it never goes back. */
  beat(): void;
}

export interface PoolUsage {
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  level: Level;
}

/** @throws MemtoolError `MEMTOOL_LEDGER_VERSION` when the ledger is of a version this reader does not know. */
export function openLedger(shared: SharedArrayBuffer): LedgerReader {
  checkLedger(shared);
  return new Reader(shared);
}

class Reader implements LedgerReader {
  readonly managerName: string;
  private readonly shared: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  private readonly tags: TextTable;
  private readonly sites: TextTable;
  private readonly accounts: SharedViews;
  private readonly scopeReader: ScopeReader;

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, shared.byteLength >> 2);
    this.doubles = new Float64Array(shared, 0, shared.byteLength >> 3);
    this.managerName = readText(shared, MANAGER_NAME_AT, MANAGER_NAME_BYTES);
    this.tags = new TextTable(shared, HEADER.tagCount, TAGS_AT, TAG_ROW_BYTES, TAGS_MAX);
    this.accounts = sharedViews(shared, this);
    this.scopeReader = new ScopeReader(shared, this.accounts);
    this.sites = new TextTable(shared, HEADER.siteCount, SITES_AT, SITE_ROW_BYTES, SITES_MAX);
  }

  manager(): ManagerStats {
    const shared = this.word(HEADER.isShared) === 0 ? undefined : new SharedAccount(this.accounts, MANAGER_ACCOUNT);
    const limitBytes = shared?.limitBytes ?? this.double(HEADER_DOUBLE.managerLimitBytes);
    const inPools = this.poolIndexes().reduce((sum, pool) => sum + this.usedBytes(pool), 0);
    // What moves from one pool to the next while they are read does not count twice.
    const usedBytes = Math.min(inPools, shared?.drawnBytes ?? Infinity);
    return {
      name: this.managerName,
      limitBytes: limited(limitBytes),
      usedBytes,
      usedPercent: usedPercent(usedBytes, limitBytes),
      level: nextLevel(this.level(HEADER.managerLevel), usedBytes, limitBytes, this.thresholds()),
      unrecorded: this.poolIndexes().reduce((sum, pool) => sum + this.total(pool, TALLY_UNRECORDED), 0),
      watchedOneIn: this.word(HEADER.watchedOneIn),
    };
  }

  pools(): PoolStats[] {
    const summaries = summarizePools(this);
    return this.poolIndexes().map((pool) =>
      this.pool(pool, summaries[pool] ?? { live: 0, allocatedBytes: 0, oldestAgeSeconds: null }),
    );
  }

  usage(): PoolUsage[] {
    return this.poolIndexes().map((pool) => {
      const usedBytes = this.usedBytes(pool);
      const limitBytes = this.limitBytes(pool);
      return {
        name: this.poolName(pool),
        usedBytes,
        limitBytes: limited(limitBytes),
        level: this.poolLevel(pool, usedBytes, limitBytes),
      };
    });
  }

  scopes(max: number, sort: ScopeSort): ScopeSelection {
    return this.scopeReader.open(this.managerName, max, sort);
  }

  scopesNearLimit(max: number): ScopeSelection {
    return this.scopeReader.nearLimit(this.managerName, max);
  }

  leaks(ageSeconds: number): Leak[] {
    const groups = mergeGroups(groupRecords(this, { ageSeconds }), {
      label: (label) => this.readLabel(label),
      scope: (row) => this.scopeReader.describe(row),
    });
    const names = this.poolIndexes().map((pool) => this.poolName(pool));
    const leaks = groups.map((group) =>
      describeGroup(group, {
        manager: this.managerName,
        pool: names[group.pool] ?? null,
        ...this.readLabel(group.label),
        scope: this.scopeReader.describe(group.scope),
        ageSeconds,
        watchedOneIn: this.word(HEADER.watchedOneIn),
      }),
    );
    return leaks.toSorted((a, b) => CERTAINTY.indexOf(a.kind) - CERTAINTY.indexOf(b.kind) || b.bytes - a.bytes);
  }

  released(): ReleasedLost[] {
    return this.poolIndexes()
      .map((pool) => ({
        manager: this.managerName,
        pool: this.poolName(pool),
        count: this.total(pool, TALLY_LOST_COUNT),
        bytes: this.total(pool, TALLY_LOST_BYTES),
      }))
      .filter(({ count }) => count > 0);
  }

  hasObservers(): boolean {
    return this.word(HEADER.observerCount) > 0;
  }

  consumers(pool: string, recordsMax: number): { tag: string | null; stack: string[]; count: number; bytes: number }[] {
    const index = this.poolIndex(pool);
    if (index < 0) return [];
    const options: GroupOptions = { ageSeconds: Infinity, all: true, pool: index, recordsMax };
    return groupRecords(this, options)
      .toSorted((a, b) => b.bytes - a.bytes)
      .map(({ label, count, bytes }) => ({ ...this.readLabel(label), count, bytes }));
  }

  sizes(pool: string): number[] {
    const index = this.poolIndex(pool);
    if (index < 0) return [];
    return Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) => this.total(index, TALLY_HISTOGRAM + bucket));
  }

  touchedBytes(): number {
    const [first, end] = recordRange(this);
    // Header, pools and the first tally; the tables of texts and scopes up to their last row; the claimed records.
    const texts = this.word(HEADER.tagCount) * TAG_ROW_BYTES + this.word(HEADER.siteCount) * SITE_ROW_BYTES;
    const scopes = this.word(HEADER.scopeRows) * SCOPE_ROW_BYTES;
    const pools = this.poolIndexes().length * (POOL_ROW_BYTES + TALLY_ROW_BYTES);
    return POOLS_AT + pools + texts + scopes + (end - first) * RECORD_BYTES;
  }

  beat(): void {
    beat(this.words, this.doubles, systemClock.readSeconds());
  }

  private pool(pool: number, { live: recorded, allocatedBytes, oldestAgeSeconds }: PoolSummary): PoolStats {
    const at = (POOLS_AT + pool * POOL_ROW_BYTES) >> 3;
    const limitBytes = this.limitBytes(pool);
    const usedBytes = this.usedBytes(pool);
    const live = recorded + this.total(pool, TALLY_UNRECORDED);
    let allocations = 0;
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket += 1)
      allocations += this.total(pool, TALLY_HISTOGRAM + bucket);
    return {
      manager: this.managerName,
      name: this.poolName(pool),
      kind: 'pool',
      limitBytes: limited(limitBytes),
      blockBytes: this.double(at + POOL_DOUBLE.blockBytes),
      usedBytes,
      reservedBytes: Math.max(usedBytes, usedBytes - allocatedBytes + this.total(pool, TALLY_ARENA_HELD)),
      peakBytes: Math.max(usedBytes, this.peakBytes(pool)),
      usedPercent: usedPercent(usedBytes, limitBytes),
      level: this.poolLevel(pool, usedBytes, limitBytes),
      allocations,
      // Not counted, which would cost each free a store: what is no longer live was freed.
      frees: Math.max(0, allocations - live),
      rejections: this.total(pool, TALLY_REJECTIONS),
      live,
      oldestAgeSeconds,
    };
  }

  private limitBytes(pool: number): number {
    const isShared = this.word(HEADER.isShared) !== 0;
    return isShared
      ? this.account(pool).limitBytes
      : this.double(((POOLS_AT + pool * POOL_ROW_BYTES) >> 3) + POOL_DOUBLE.limitBytes);
  }

  private poolLevel(pool: number, usedBytes: number, limitBytes: number): Level {
    const word = ((POOLS_AT + pool * POOL_ROW_BYTES) >> 2) + POOL_WORD.level;
    return nextLevel(this.level(word), usedBytes, limitBytes, this.thresholds());
  }

  private readLabel(label: number): { tag: string | null; stack: string[] } {
    const site = this.sites.read(label >>> LABEL_SITE_SHIFT);
    return { tag: this.tags.read(label & LABEL_TAG_MASK), stack: site === null ? [] : site.split('\n') };
  }

  private poolIndexes(): number[] {
    return Array.from({ length: this.word(HEADER.poolCount) }, (_, pool) => pool);
  }

  private poolIndex(name: string): number {
    return this.poolIndexes().findIndex((pool) => this.poolName(pool) === name);
  }

  private poolName(pool: number): string {
    return readText(this.shared, POOLS_AT + pool * POOL_ROW_BYTES + POOL_NAME_OFFSET, POOL_NAME_BYTES);
  }

  /** A figure of a pool over all threads. */
  private total(pool: number, figure: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.word(HEADER.threadCount); thread += 1)
      sum += this.double((tallyAt(thread, pool) >> 3) + figure);
    return sum;
  }

  /** In all threads. */
  private usedBytes(pool: number): number {
    return this.word(HEADER.isShared) === 0 ? this.total(pool, TALLY_USED) : this.account(pool).usedBytes;
  }

  /** At a time, in all threads together as far as anyone has looked. */
  private peakBytes(pool: number): number {
    let peak = this.word(HEADER.isShared) === 0 ? 0 : this.account(pool).peakBytes;
    for (let thread = 0; thread < this.word(HEADER.threadCount); thread += 1) {
      const tally = tallyAt(thread, pool) >> 3;
      peak = Math.max(peak, this.double(tally + TALLY_PEAK), this.double(tally + TALLY_PEAK_BEFORE));
    }
    return peak;
  }

  private account(pool: number): SharedAccount {
    return new SharedAccount(this.accounts, POOL_ACCOUNTS + pool);
  }

  private thresholds(): Thresholds {
    return { warning: this.double(HEADER_DOUBLE.warningRatio), critical: this.double(HEADER_DOUBLE.criticalRatio) };
  }

  private level(word: number): Level {
    return LEVELS[this.word(word)] ?? 'normal';
  }

  private word(index: number): number {
    return this.words[index] ?? 0;
  }

  private double(index: number): number {
    return this.doubles[index] ?? 0;
  }
}

const CERTAINTY = ['lost', 'orphaned', 'stale', 'growing'];

function limited(limitBytes: number): number | null {
  return limitBytes === Infinity ? null : limitBytes;
}
