import {
  CLOCK,
  HEADER,
  PLACE_LOST,
  PLACE_ORPHANED,
  PLACE_POOL_MASK,
  POOLS_MAX,
  RECORD_BIRTH,
  RECORD_BYTES,
  RECORD_GENERATION,
  RECORD_LABEL,
  RECORD_PLACE,
  recordsAt,
  SEGMENT_RECORDS,
} from './layout.ts';
import type { LeakKind } from '../../report.ts';

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
  /** Take in what is neither lost, orphaned nor stale, as `live`. */
  all?: boolean;
  /** Stop after this many records; for callers that may not take long. */
  recordsMax?: number;
}

/** More labels than this are counted together; a program has as many as it has tags and call sites. */
const GROUPS_MAX = 8192;
const CACHE_SLOTS = 1024;

/** First record and one past the last of all that were ever claimed. */
export function recordRange({ words }: LedgerViews): [first: number, end: number] {
  const first = recordsAt(words[HEADER.recordsMax] ?? 0) / RECORD_BYTES;
  const segments = Math.min(
    Atomics.load(words, HEADER.segmentCount),
    (words[HEADER.recordsMax] ?? 0) / SEGMENT_RECORDS,
  );
  return [first, first + segments * SEGMENT_RECORDS];
}

/**
 * Groups the live records. Takes no lock: a row that changes meanwhile may be mixed, and rows that cannot be are dropped.
 * Most programs have few labels and millions of records, so a small direct-mapped cache stands before the map of groups.
 */
export function groupRecords(views: LedgerViews, options: GroupOptions): RecordGroup[] {
  const { words, doubles } = views;
  const { ageSeconds, all = false, recordsMax = Infinity } = options;
  const onlyPool = options.pool ?? -1;
  const [first, last] = recordRange(views);
  const end = Math.min(last, first + recordsMax);
  const now = words[CLOCK] ?? 0;
  const poolCount = words[HEADER.poolCount] ?? 0;

  const indexes = new Map<number, number>();
  const groups: { pool: number; state: number; label: number }[] = [];
  let capacity = 64;
  let counts = new Float64Array(capacity);
  let bytes = new Float64Array(capacity);
  let births = new Int32Array(capacity * 2);
  const cachedKeys = new Float64Array(CACHE_SLOTS).fill(-1);
  const cachedGroups = new Int32Array(CACHE_SLOTS);

  function groupOf(key: number, pool: number, state: number, label: number): number {
    const known = indexes.get(key);
    if (known !== undefined) return known;
    // Past the bound, a group without a label takes what is left of its pool and kind.
    if (groups.length >= GROUPS_MAX && label !== 0) return groupOf(pool * 4 + state, pool, state, 0);
    if (groups.length === capacity) {
      capacity *= 2;
      counts = grown(counts, new Float64Array(capacity));
      bytes = grown(bytes, new Float64Array(capacity));
      births = grown(births, new Int32Array(capacity * 2));
    }
    const index = groups.push({ pool, state, label }) - 1;
    births[index * 2] = 0x7fffffff;
    births[index * 2 + 1] = -0x80000000;
    indexes.set(key, index);
    return index;
  }

  // The views of a whole ledger are long enough for every index below `end`, so `!` holds throughout the loop.
  for (let record = first, at = first << 3; record < end; record += 1, at += 8) {
    if ((words[at + RECORD_GENERATION]! & 1) === 0) continue;
    const place = words[at + RECORD_PLACE]!;
    const pool = place & PLACE_POOL_MASK;
    if (onlyPool >= 0 && pool !== onlyPool) continue;
    const birth = words[at + RECORD_BIRTH]!;
    const age = now - birth;
    let state = STATE_LIVE;
    if ((place & (PLACE_LOST | PLACE_ORPHANED)) !== 0) state = (place & PLACE_LOST) !== 0 ? STATE_LOST : STATE_ORPHANED;
    else if (age > ageSeconds) state = STATE_STALE;
    else if (!all) continue;
    const size = doubles[record << 2]!;
    // A clock that a tick moved on between two loads may be one second behind a birth.
    if (pool >= poolCount || !(size >= 0 && size <= Number.MAX_SAFE_INTEGER) || age < -1) continue;

    const label = words[at + RECORD_LABEL]!;
    const key = (label >>> 0) * (POOLS_MAX * 4) + pool * 4 + state;
    const slot = (label ^ (label >>> 16) ^ (place << 5) ^ state) & (CACHE_SLOTS - 1);
    let group: number;
    if (cachedKeys[slot] === key) group = cachedGroups[slot]!;
    else {
      group = groupOf(key, pool, state, label);
      cachedKeys[slot] = key;
      cachedGroups[slot] = group;
    }
    counts[group]! += 1;
    bytes[group]! += size;
    if (birth < births[group * 2]!) births[group * 2] = birth;
    if (birth > births[group * 2 + 1]!) births[group * 2 + 1] = birth;
  }

  return groups.map(({ pool, state, label }, index) => ({
    kind: KINDS[state]!,
    pool,
    label,
    count: counts[index]!,
    bytes: bytes[index]!,
    oldestAgeSeconds: Math.max(0, now - births[index * 2]!),
    youngestAgeSeconds: Math.max(0, now - births[index * 2 + 1]!),
  }));
}

const STATE_LIVE = 0;
const STATE_STALE = 1;
const STATE_ORPHANED = 2;
const STATE_LOST = 3;
const KINDS: readonly RecordGroup['kind'][] = ['live', 'stale', 'orphaned', 'lost'];

function grown<Numbers extends Float64Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

export interface PoolSummary {
  live: number;
  /** Of the oldest live record; `null` when there is none. */
  oldestAgeSeconds: number | null;
}

/** How many live records each pool has, by the pool's index, and how old the oldest is. */
export function summarizePools(views: LedgerViews): PoolSummary[] {
  const { words } = views;
  const [first, end] = recordRange(views);
  const births = new Int32Array(POOLS_MAX).fill(NEVER);
  const live = new Float64Array(POOLS_MAX);
  for (let at = first << 3; at < end << 3; at += 8) {
    if ((words[at + RECORD_GENERATION]! & 1) === 0) continue;
    const pool = words[at + RECORD_PLACE]! & PLACE_POOL_MASK;
    const birth = words[at + RECORD_BIRTH]!;
    live[pool]! += 1;
    if (birth < births[pool]!) births[pool] = birth;
  }
  const now = words[CLOCK] ?? 0;
  return Array.from(births, (birth, pool) => ({
    live: live[pool] ?? 0,
    oldestAgeSeconds: birth === NEVER ? null : Math.max(0, now - birth),
  }));
}

const NEVER = 0x7fffffff;
