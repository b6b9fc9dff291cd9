import {
  CLOCK,
  HEADER,
  PLACE_ALLOCATION,
  PLACE_KEPT,
  PLACE_LOST,
  PLACE_ORPHANED,
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  POOLS_MAX,
  RECORD_BIRTH,
  RECORD_BYTES,
  RECORD_GENERATION,
  RECORD_LABEL,
  RECORD_PLACE,
  RECORD_SCOPE,
  RECORDS_AT,
  SCOPES_MAX,
  SEGMENT_RECORDS,
} from './layout.ts';
import type { LeakKind } from '../../report/leaks.ts';
import { ACCOUNT_SCOPE_SHIFT, GroupTable, hashOf } from './group-table.ts';

/** The two views of a ledger, as any thread has them. */
export interface LedgerViews {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

/** Live records of one kind, pool and label, taken together. */
export interface RecordGroup {
  kind: LeakKind | 'live';
  pool: number;
  /** Tag and site, as in the record. */
  label: number;
  /** Row of the scope, 0 without one. */
  scope: number;
  count: number;
  bytes: number;
  oldestAgeSeconds: number;
  youngestAgeSeconds: number;
}

export interface GroupOptions {
  /** Older than this is `stale`; what is not is left out, unless `all`. */
  ageSeconds: number;
  /** Only this pool. */
  pool?: number | undefined;
  /** Only what this thread owns. */
  thread?: number;
  /** Take in what is neither lost, orphaned nor stale, as `live`. */
  all?: boolean;
  /** Stop after this many records; for callers that may not take long. */
  recordsMax?: number;
}

/** First record and one past the last of all that were ever claimed. */
export function recordRange({ words }: LedgerViews): [first: number, end: number] {
  const first = RECORDS_AT / RECORD_BYTES;
  const segments = Math.min(
    Atomics.load(words, HEADER.segmentCount),
    (words[HEADER.recordsMax] ?? 0) / SEGMENT_RECORDS,
  );
  return [first, first + segments * SEGMENT_RECORDS];
}

/**
 * Groups the live records. Takes no lock: a row that changes meanwhile may be mixed, and rows that cannot be are dropped.
 */
export function groupRecords(views: LedgerViews, options: GroupOptions): RecordGroup[] {
  const { words, doubles } = views;
  const { all = false, recordsMax = Infinity, pool: onlyPool = -1, thread } = options;
  const onlyThread = thread === undefined ? -1 : thread << PLACE_THREAD_SHIFT;
  // Ages are whole seconds: comparing small integers keeps the loop free of doubles.
  const ageMax = Math.floor(Math.min(options.ageSeconds, NEVER));
  const [first, last] = recordRange(views);
  const end = Math.min(last, first + recordsMax);
  const now = words[CLOCK] ?? 0;
  const poolCount = words[HEADER.poolCount] ?? 0;
  const table = new GroupTable();
  const { labels, accounts, counts, bytes, firstBirths, spans } = table;
  // The views of a whole ledger are long enough for every index below `end`, so `!` holds throughout the loop.
  for (let record = first, at = first << 3; record < end; record += 1, at += 8) {
    if ((words[at + RECORD_GENERATION]! & 1) === 0) continue;
    const place = words[at + RECORD_PLACE]!;
    const pool = place & PLACE_POOL_MASK;
    if (onlyPool >= 0 && pool !== onlyPool) continue;
    if (onlyThread >= 0 && (place & PLACE_THREAD_MASK) !== onlyThread) continue;
    const birth = words[at + RECORD_BIRTH]!;
    const age = now - birth;
    const flags = place & (PLACE_LOST | PLACE_ORPHANED);
    let state = STATE_STALE;
    if (flags !== 0 || age <= ageMax || (place & PLACE_KEPT) !== 0) {
      // A clock that a tick moved on between two loads may be one second behind a birth; no more than that.
      if ((flags === 0 && !all) || age < -1) continue;
      if (flags === 0) state = STATE_LIVE;
      else state = (flags & PLACE_LOST) !== 0 ? STATE_LOST : STATE_ORPHANED;
    }
    const size = doubles[record << 2]!;
    // A row that changes under us may hold anything: what is no size is dropped, what is no pool below.
    if (!(size >= 0 && size <= BYTES_MAX)) continue;
    const account = ((words[at + RECORD_SCOPE]! & SCOPE_MASK) << ACCOUNT_SCOPE_SHIFT) | (pool << 2) | state;
    const label = words[at + RECORD_LABEL]!;
    let slot = hashOf(account, label);
    if (labels[slot] !== label || accounts[slot] !== account) slot = table.find(account, label, slot, birth);
    counts[slot]! += 1;
    bytes[slot]! += size;
    // One comparison for both ends: a birth before the first one is a huge number without its sign.
    if ((birth - firstBirths[slot]!) >>> 0 > spans[slot]!) table.widen(slot, birth);
  }
  return table.used
    .filter((slot) => ((table.accounts[slot]! >> 2) & PLACE_POOL_MASK) < poolCount)
    .map((slot) => {
      const oldestAgeSeconds = Math.max(0, now - table.firstBirths[slot]!);
      return {
        kind: KINDS[table.accounts[slot]! & 3]!,
        pool: (table.accounts[slot]! >> 2) & PLACE_POOL_MASK,
        scope: table.accounts[slot]! >> ACCOUNT_SCOPE_SHIFT,
        label: table.labels[slot]!,
        count: table.counts[slot]!,
        bytes: table.bytes[slot]!,
        oldestAgeSeconds,
        youngestAgeSeconds: Math.max(0, oldestAgeSeconds - table.spans[slot]!),
      };
    });
}

const SCOPE_MASK = SCOPES_MAX - 1;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;
const STATE_LIVE = 0;
const STATE_STALE = 1;
const STATE_ORPHANED = 2;
const STATE_LOST = 3;
const KINDS: readonly RecordGroup['kind'][] = ['live', 'stale', 'orphaned', 'lost'];

export interface PoolSummary {
  live: number;
  /** Held by allocations, as against reservations. */
  allocatedBytes: number;
  /** Of the oldest live record; `null` when there is none. */
  oldestAgeSeconds: number | null;
}

/** How many live records each pool has, by the pool's index, and how old the oldest is. */
export function summarizePools(views: LedgerViews): PoolSummary[] {
  const { words, doubles } = views;
  const [first, end] = recordRange(views);
  const births = new Int32Array(POOLS_MAX).fill(NEVER);
  const live = new Float64Array(POOLS_MAX);
  const allocatedBytes = new Float64Array(POOLS_MAX);
  for (let at = first << 3; at < end << 3; at += 8) {
    if ((words[at + RECORD_GENERATION]! & 1) === 0) continue;
    const place = words[at + RECORD_PLACE]!;
    const pool = place & PLACE_POOL_MASK;
    const birth = words[at + RECORD_BIRTH]!;
    live[pool]! += 1;
    if ((place & PLACE_ALLOCATION) !== 0) allocatedBytes[pool]! += doubles[at >> 1]!;
    if (birth < births[pool]!) births[pool] = birth;
  }
  const now = words[CLOCK] ?? 0;
  return Array.from(births, (birth, pool) => ({
    live: live[pool] ?? 0,
    allocatedBytes: allocatedBytes[pool] ?? 0,
    oldestAgeSeconds: birth === NEVER ? null : Math.max(0, now - birth),
  }));
}

const NEVER = 0x7fffffff;
