import type { Leak, ReleasedLost } from '../report/leaks.ts';
import type { Level } from '../report/level.ts';
import type { CacheStats, ManagerStats, PoolStats } from '../report/stats.ts';

/** Until a limit is reached at the growth of the last minute; `null` when it does not grow, has no limit or is not known yet. */
interface WithTimeToLimit {
  secondsToLimit: number | null;
}

/** What metrics are made of: whoever reads it, the agent of a process or the process itself. `null` is what is not known. */
export interface MetricFacts {
  name: string;
  nodeVersion: string | null;
  memtoolVersion: string;
  uptimeSeconds: number | null;
  cpuSeconds: number | null;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapLimitBytes: number | null;
  heapSecondsToLimit: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  memtoolBytes: number | null;
  spaces: { name: string; usedBytes: number; committedBytes: number }[];
  /** The worst of all that has one. */
  level: Level;
  managers: (ManagerStats & WithTimeToLimit)[];
  /** Those of the library. */
  pools: (PoolStats & WithTimeToLimit)[];
  /** Those that someone else manages. */
  observed: (PoolStats & WithTimeToLimit)[];
  caches: CacheStats[];
  /** Open ones, all together: one by one they would be series without a bound. */
  scopes: { count: number; nearLimit: number; usedBytes: number };
  /** Lost and orphaned, by the ledgers; of the heap, what the last reading said that somebody has asked for. */
  leaks: Pick<Leak, 'verdict' | 'kind' | 'source' | 'count' | 'bytes'>[];
  released: ReleasedLost[];
  /** Seconds since 1970; `null` while nobody has asked for it. */
  heapReadAtSeconds: number | null;
  container: { usedBytes: number; limitBytes: number } | null;
}
