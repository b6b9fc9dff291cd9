import { MemtoolError } from '../errors.ts';
import { checkName } from '../memory/name.ts';
import type { MemoryPool } from '../memory/pool.ts';
import { parseBytes, parseSeconds } from '../units.ts';
import { sizeOfData } from './bounded-cache-size.ts';

export interface BoundedCacheOptions<Key, Value> {
  /** What all entries are charged to, whichever query runs: they are there for others too. */
  pool: MemoryPool;
  /** The most that all entries take: bytes, or a text such as '64MiB'. */
  maxBytes: number | string;
  /** The most entries. Default one for every 64 bytes of `maxBytes`, and at least 1,024. */
  maxEntries?: number;
  /** How many bytes an entry takes. Default: what a text, Buffer or typed array has. */
  sizeOf?: (value: Value, key: Key) => number;
  /** What `memtool stats` calls it; in `leaks` and refusals it is `cache:<name>`. Default `cache`. */
  name?: string;
  /** Entries end when they are this old, in seconds or as '5m'. Default never. */
  ttl?: number | string;
  /**
   * Compresses texts and Buffers that have not been used lately, before any entry is evicted. An eighth of `maxBytes` is then
   * kept for the work; a value that takes more than half of that is left as it is. Default false.
   */
  compress?: boolean | CompressOptions;
}

export interface CompressOptions {
  /** What is smaller is left as it is. Default 1 KiB. */
  minBytes?: number | string;
  /** The share of `maxBytes`, 0-1, that the entries used last have for themselves, uncompressed. Default 0.5. */
  hotShare?: number;
}

/** What an age is told by, for tests. */
export interface CacheClock {
  /** Milliseconds. */
  now(): number;
}

/** The options as they are used. */
export interface CacheSettings<Key, Value> {
  pool: MemoryPool;
  maxBytes: number;
  maxEntries: number;
  sizeOf: (value: Value, key: Key) => number;
  name: string;
  ttlMs: number | undefined;
  compress: { minBytes: number; hotBytes: number; workBytesMax: number } | undefined;
}

const MIN_BYTES_DEFAULT = 1024;
const HOT_SHARE_DEFAULT = 0.5;
/** Kept free, so that nothing has to go before something else can be compressed. */
const WORK_SHARE = 1 / 8;
/** About half of what an entry takes beside its value, so that tiny entries cannot take many times `maxBytes`. */
const BYTES_PER_ENTRY_MIN = 64;
const MAX_ENTRIES_DEFAULT_MIN = 1024;

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
export function cacheSettings<Key, Value>(options: BoundedCacheOptions<Key, Value>): CacheSettings<Key, Value> {
  const { pool, name = 'cache', sizeOf = sizeOfData, ttl, compress = false } = options;
  if (typeof pool?.addCache !== 'function')
    throw invalid(`pool is a value of type ${typeof pool}, and no pool.`, "Give one: memory.pool('cache').");
  checkName(name, 'A cache');
  const maxBytes = parseBytes(options.maxBytes, 'maxBytes');
  const { maxEntries = Math.max(MAX_ENTRIES_DEFAULT_MIN, Math.floor(maxBytes / BYTES_PER_ENTRY_MIN)) } = options;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1)
    throw invalid(`maxEntries is ${String(maxEntries)}.`, 'Give a whole number from 1.');
  if (typeof sizeOf !== 'function')
    throw invalid(`sizeOf is a value of type ${typeof sizeOf}.`, 'Give a function: (value, key) => bytes.');
  const ttlMs = ttl === undefined ? undefined : Math.round(parseSeconds(ttl, 'ttl') * 1000);
  if (ttlMs === 0) throw invalid('ttl is less than a millisecond.', 'Give seconds, or a text such as 5m.');
  return { pool, maxBytes, maxEntries, sizeOf, name, ttlMs, compress: compression(compress, maxBytes) };
}

function compression(compress: boolean | CompressOptions, maxBytes: number): CacheSettings<never, never>['compress'] {
  if (compress === false) return undefined;
  const { minBytes = MIN_BYTES_DEFAULT, hotShare = HOT_SHARE_DEFAULT } = compress === true ? {} : compress;
  if (!(hotShare >= 0 && hotShare <= 1))
    throw invalid(`compress.hotShare is ${String(hotShare)}.`, 'Give a share of maxBytes from 0 to 1.');
  return {
    minBytes: parseBytes(minBytes, 'compress.minBytes'),
    hotBytes: Math.floor(maxBytes * hotShare),
    workBytesMax: Math.floor(maxBytes * WORK_SHARE),
  };
}

function invalid(message: string, hint: string): MemtoolError {
  return new MemtoolError('MEMTOOL_INVALID_OPTION', message, { hint });
}
