/**
 * Where everything is in the ledger: one SharedArrayBuffer that any thread may read.
 *
 *     byte 0        +-----------------------------------------------------------------------------+
 *                   | header     magic, version, clock, counts, manager's limit, thresholds, name |
 *     POOLS_AT      +-----------------------------------------------------------------------------+
 *                   | pools      POOLS_MAX x 256 B    limit, block size, level, name              |
 *     TALLIES_AT    +-----------------------------------------------------------------------------+
 *                   | tallies    THREADS_MAX x POOLS_MAX x 512 B                                  |
 *                   |            used, peak, tripwire, counters, size histogram of one thread     |
 *     TAGS_AT       +-----------------------------------------------------------------------------+
 *                   | tags       TAGS_MAX x 128 B     UTF-8, length first                         |
 *     SITES_AT      +-----------------------------------------------------------------------------+
 *                   | sites      SITES_MAX x 2 KiB    formatted stacks, likewise                  |
 *     SCOPES_AT     +-----------------------------------------------------------------------------+
 *                   | scopes     SCOPES_MAX x 256 B   used, peak, limit, state, parents, name     |
 *     OWNERS_AT     +-----------------------------------------------------------------------------+
 *                   | owners     one word a segment of 1,024 records: 1 + the thread that owns it |
 *     RECORDS_AT    +-----------------------------------------------------------------------------+
 *                   | records    recordsMax x 32 B                                                |
 *                   +-----------------------------------------------------------------------------+
 *
 *     a record:     | bytes (f64)   | birth | label | place | scope | generation | link |
 *                     word 0, 1       2       3       4       5       6            7
 *
 * Invariants:
 * - A record is live while its generation is odd. Only the thread that owns its segment writes it.
 * - `bytes`, `birth`, `label` and `place` are written before the generation turns odd.
 * - A pool's used bytes are the sum of its tallies, and once quiet the sum of its live records.
 * - Only the thread of a tally writes it; a pool's tally of a thread never exceeds that thread's tripwire.
 * - A record's index is its byte offset / 32, so that no base is added on the hot path; index 0 means none.
 *
 * The buffer is growable but made at its full length: an untouched page costs no memory and does not show in
 * `process.memoryUsage().arrayBuffers` (512 MiB: 0.3 MiB of RSS on Node 20 and 24), so nothing ever has to grow or to
 * renew its views.
 */

// What the hot path touches has a constant of its own, which the bundler puts in place: a property of an object costs
// a load each time (30 ns for reserve and free, 22 with constants). They stand first, since the bundler stops at the first
// constant that is not a literal.

/** Header, in words: seconds since the ledger was made; any thread may move it on. */
export const CLOCK = 2;
/** A tally's row, in doubles. */
export const TALLY_USED = 0;
export const TALLY_PEAK = 1;
/** Where the fast path must stop and think: the next threshold, the limit, or what was drawn from the manager. */
export const TALLY_TRIPWIRE = 2;
/** Below this the level falls; -1 at `normal`. */
export const TALLY_FLOOR = 3;
export const TALLY_REJECTIONS = 4;
/** Live handles without a record, because the table was full. */
export const TALLY_UNRECORDED = 5;
/** Memory the arena holds from the system. */
export const TALLY_ARENA_HELD = 6;
/** What was lost and has been released since. */
export const TALLY_LOST_COUNT = 7;
export const TALLY_LOST_BYTES = 8;
/** Sizes by powers of two: bucket 0 counts zero bytes, bucket n sizes of n bits. Their sum is the number of allocations. */
export const TALLY_HISTOGRAM = 10;

/** A record, in words; its bytes are a double at word 0. */
export const RECORD_BIRTH = 2;
/** Tag and site. */
export const RECORD_LABEL = 3;
/** Pool, kind and state. */
export const RECORD_PLACE = 4;
/** Row of the scope it is charged to; 0 without one, and always 0 while free. */
export const RECORD_SCOPE = 5;
export const RECORD_GENERATION = 6;
/** While free, the next free record; of a live allocation, its slot. */
export const RECORD_LINK = 7;

/** `place`: the pool's index and what the record is. */
export const PLACE_POOL_MASK = 0xff;
export const PLACE_ALLOCATION = 0x100;
export const PLACE_LOST = 0x200;
export const PLACE_ORPHANED = 0x400;

/** `label`: the tag's index below, the site's above. */
export const LABEL_TAG_MASK = 0xffff;
export const LABEL_SITE_SHIFT = 16;

export const LEDGER_MAGIC = 0x4d454d54;
/** Guards readers: another version is refused. */
export const LEDGER_VERSION = 1;

export const POOLS_MAX = 256;
export const THREADS_MAX = 64;
export const TAGS_MAX = 4096;
export const SITES_MAX = 1024;
/** Open scopes, and ended ones of which something is still held. Row 0 is none. */
export const SCOPES_MAX = 16_384;
export const SEGMENT_RECORDS = 1024;
export const RECORDS_MAX_DEFAULT: number = 4 * 1024 * 1024;
/** A record's index, header and all, must fit the 26 bits that a finalizer's ticket has for it (watch.ts). */
export const RECORDS_MAX_MAX: number = 2 ** 26 - 2 ** 20;

export const POOL_ROW_BYTES = 256;
export const TALLY_ROW_BYTES = 512;
export const TAG_ROW_BYTES = 128;
export const SITE_ROW_BYTES = 2048;
export const SCOPE_ROW_BYTES = 256;
export const RECORD_BYTES = 32;

const HEADER_BYTES = 4096;
export const POOLS_AT: number = HEADER_BYTES;
export const TALLIES_AT: number = POOLS_AT + POOLS_MAX * POOL_ROW_BYTES;
export const TAGS_AT: number = TALLIES_AT + THREADS_MAX * POOLS_MAX * TALLY_ROW_BYTES;
export const SITES_AT: number = TAGS_AT + TAGS_MAX * TAG_ROW_BYTES;
export const SCOPES_AT: number = SITES_AT + SITES_MAX * SITE_ROW_BYTES;
export const OWNERS_AT: number = SCOPES_AT + SCOPES_MAX * SCOPE_ROW_BYTES;

/** Header, in words. */
export const HEADER = {
  magic: 0,
  version: 1,
  threadCount: 3,
  poolCount: 4,
  tagCount: 5,
  siteCount: 6,
  segmentCount: 7,
  recordsMax: 8,
  /** One in this many reservation handles was watched for being lost, in the busiest second so far. */
  watchedOneIn: 9,
  managerLevel: 10,
  /** How many pools of others the application has something to say of: only then it is asked. */
  observerCount: 11,
  /** One past the highest row of a scope that was ever used. */
  scopeRows: 12,
} as const;

/** Header, in doubles. */
export const HEADER_DOUBLE = {
  /** Monotonic seconds (`process.hrtime`, the same for all threads) when the clock read 0. */
  clockOriginSeconds: 8,
  managerLimitBytes: 9,
  warningRatio: 10,
  criticalRatio: 11,
  /** A random whole number: the same in every thread that shares the ledger. */
  ledgerId: 12,
} as const;

export const MANAGER_NAME_AT = 256;
export const MANAGER_NAME_BYTES = 256;

/** A pool's row. */
export const POOL_DOUBLE = { limitBytes: 0, blockBytes: 1 } as const;
export const POOL_WORD = { level: 4 } as const;
export const POOL_NAME_OFFSET = 64;
export const POOL_NAME_BYTES: number = POOL_ROW_BYTES - POOL_NAME_OFFSET;

export const HISTOGRAM_BUCKETS = 54;

/** A scope's row begins as a tally does: used, peak, tripwire, floor, rejections. Then, in doubles: */
export const SCOPE_LIMIT = 6;
/** In words. */
export const SCOPE_WORD = {
  /** 0 free, 1 open, 2 ended and still holding. */
  state: 16,
  /** Index in `SCOPE_KINDS`. */
  kind: 17,
  /** Rows of the scope it was opened in, and of its user and transaction; 0 without. */
  parent: 18,
  user: 19,
  transaction: 20,
  birth: 21,
  level: 22,
} as const;
export const SCOPE_OPEN = 1;
export const SCOPE_ENDED = 2;
export const SCOPE_KINDS = ['query', 'transaction', 'user', 'procedure'] as const;
export const SCOPE_NAME_OFFSET = 128;
export const SCOPE_NAME_BYTES: number = SCOPE_ROW_BYTES - SCOPE_NAME_OFFSET;

export function recordsAt(recordsMax: number): number {
  const owners = Math.ceil(recordsMax / SEGMENT_RECORDS) * 4;
  return Math.ceil((OWNERS_AT + owners) / 64) * 64;
}

export function ledgerBytes(recordsMax: number): number {
  return recordsAt(recordsMax) + recordsMax * RECORD_BYTES;
}

export function tallyAt(thread: number, pool: number): number {
  return TALLIES_AT + (thread * POOLS_MAX + pool) * TALLY_ROW_BYTES;
}
