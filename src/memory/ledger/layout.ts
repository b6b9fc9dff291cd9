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
 *     THREADS_AT    +-----------------------------------------------------------------------------+
 *                   | threads    THREADS_MAX x 64 B   who is there                                |
 *     ACCOUNTS_AT   +-----------------------------------------------------------------------------+
 *                   | accounts   ACCOUNTS_MAX x 1 KiB what threads share: manager, pools, users,  |
 *                   |            transactions; limit, drawn in all, and by each thread            |
 *     RECORDS_AT    +-----------------------------------------------------------------------------+
 *                   | records    recordsMax x 32 B                                                |
 *                   +-----------------------------------------------------------------------------+
 *
 *     a record:     | bytes (f64)   | birth | label | place | scope | generation | link |
 *                     word 0, 1       2       3       4       5       6            7
 *
 * Invariants:
 * - A record is live while its generation is odd. Only the thread that `place` names writes it; one in transit belongs to
 *   whoever moves its `place` on first.
 * - `bytes`, `birth`, `label` and `place` are written before the generation turns odd.
 * - A pool's used bytes are the sum of its tallies and of what is in transit, and once quiet the sum of its live records.
 * - Only the thread of a tally writes it, but that another may put its tripwire to -1, to make it stop and look; a pool's
 *   tally of a thread never exceeds what the thread has drawn of the pool.
 * - Of an account, what all threads have drawn together never exceeds its limit, but while a lowered one drains.
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
/** The peak of before; `TALLY_PEAK` starts anew whenever a phase begins or ends. */
export const TALLY_PEAK_BEFORE = 9;
/** Sizes by powers of two: bucket 0 counts zero bytes, bucket n sizes of n bits. Their sum is the number of allocations. */
export const TALLY_HISTOGRAM = 10;

/** A record, in words; its bytes are a double at word 0. */
export const RECORD_BIRTH = 2;
/** Tag and site. */
export const RECORD_LABEL = 3;
/** Pool, kind, state and thread. */
export const RECORD_PLACE = 4;
/** Row of the scope it is charged to; 0 without one, and always 0 while free. */
export const RECORD_SCOPE = 5;
export const RECORD_GENERATION = 6;
/** While free, the next free record; of a live allocation, its slot. */
export const RECORD_LINK = 7;

/** `place`: the pool's index, what the record is, and whose. */
export const PLACE_POOL_MASK = 0xff;
export const PLACE_ALLOCATION = 0x100;
export const PLACE_LOST = 0x200;
export const PLACE_ORPHANED = 0x400;
/** On its way from one thread to another, and charged to neither. */
export const PLACE_TRANSIT = 0x800;
/** Of a free record that is on no thread's list (spare-records.ts). */
export const PLACE_SPARE = 0x1000;
/** Kept on purpose and given back when asked, as by a cache: never stale, however old. */
export const PLACE_KEPT = 0x2000;
/** The thread that owns the record, live or free. */
export const PLACE_THREAD_SHIFT = 16;
export const PLACE_THREAD_MASK = 0x3f0000;

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
export const THREAD_ROW_BYTES = 64;
export const ACCOUNT_ROW_BYTES = 1024;

/** Accounts of users and transactions that are open at once in a manager that threads share. */
export const NAMED_ACCOUNTS_MAX = 4096;
/** The manager's account, then one a pool, then those by name. */
export const MANAGER_ACCOUNT = 0;
export const POOL_ACCOUNTS = 1;
export const NAMED_ACCOUNTS: number = POOL_ACCOUNTS + POOLS_MAX;
export const ACCOUNTS_MAX: number = NAMED_ACCOUNTS + NAMED_ACCOUNTS_MAX;

const HEADER_BYTES = 4096;
export const POOLS_AT: number = HEADER_BYTES;
export const TALLIES_AT: number = POOLS_AT + POOLS_MAX * POOL_ROW_BYTES;
export const TAGS_AT: number = TALLIES_AT + THREADS_MAX * POOLS_MAX * TALLY_ROW_BYTES;
export const SITES_AT: number = TAGS_AT + TAGS_MAX * TAG_ROW_BYTES;
export const SCOPES_AT: number = SITES_AT + SITES_MAX * SITE_ROW_BYTES;
export const THREADS_AT: number = SCOPES_AT + SCOPES_MAX * SCOPE_ROW_BYTES;
export const ACCOUNTS_AT: number = THREADS_AT + THREADS_MAX * THREAD_ROW_BYTES;
/** A multiple of 64, as all the others are. */
export const RECORDS_AT: number = ACCOUNTS_AT + ACCOUNTS_MAX * ACCOUNT_ROW_BYTES;

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
  /** 1 once several threads may use it: from then on limits are drawn on. */
  isShared: 13,
  /** One past the highest row of an account by name that was ever used, counted from the first. */
  namedAccounts: 14,
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

/** Header, in 64-bit integers. */
export const HEADER_BIGINT = {
  /** Free records for threads that have none, below a count of changes. */
  spareRecords: 13,
} as const;

export const MANAGER_NAME_AT = 256;
export const MANAGER_NAME_BYTES = 256;

/** A pool's row. */
export const POOL_DOUBLE = { limitBytes: 0, blockBytes: 1, staleAfterSeconds: 3 } as const;
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
  thread: 23,
  /** Row of the account that the threads share, of a user or transaction; 0 without. */
  account: 24,
} as const;

/** A thread's row, in words. */
export const THREAD_WORD = {
  /** Its id in the system; 0: the row is free; below 0: the thread is dead, and the one of that number is taking over. */
  tid: 0,
  /** When it started, as the system counts: tells it from a later thread of the same id. 0: not known. */
  startTicks: 1,
  /** Above 0 while it moves what is drawn about: sums of it may not add up. */
  busy: 2,
  /** Counts the threads that had this row. */
  epoch: 3,
} as const;

/** An account's row. In 64-bit integers: */
export const ACCOUNT_BIGINT = {
  /** Drawn by all threads: bytes in 48 bits, below a count of changes. */
  drawn: 0,
  /** In transit between threads. */
  transit: 1,
  /** Of an account by name: a hash of kind and name, above the number of threads that use it. */
  key: 2,
  /** From here on, drawn by each thread. */
  cells: 8,
} as const;
/** In doubles. Of a limit one more is kept, so that a row which nobody has written to yet has none. */
export const ACCOUNT_DOUBLE = { limitAndOne: 4, peakBytes: 5 } as const;
/** In words: the level, and from `tallies` on the index in doubles of each thread's tally. */
export const ACCOUNT_WORD = { level: 12, tallies: 144 } as const;
export const SCOPE_OPEN = 1;
export const SCOPE_ENDED = 2;
export const SCOPE_KINDS = ['query', 'transaction', 'user', 'procedure'] as const;
export const SCOPE_NAME_OFFSET = 128;
export const SCOPE_NAME_BYTES: number = SCOPE_ROW_BYTES - SCOPE_NAME_OFFSET;

export function ledgerBytes(recordsMax: number): number {
  return RECORDS_AT + recordsMax * RECORD_BYTES;
}

export function tallyAt(thread: number, pool: number): number {
  return TALLIES_AT + (thread * POOLS_MAX + pool) * TALLY_ROW_BYTES;
}
