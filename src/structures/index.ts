/** `memtool/structures`: structures that hold memory well. Each is charged to a pool, bounded, and gives back under pressure. */
export { BoundedCache } from './bounded-cache.ts';
export type { BoundedCacheOptions, CompressOptions } from './bounded-cache-options.ts';
export type { CacheStats } from '../report/stats.ts';
