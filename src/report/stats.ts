import type { Document, ProcessIdentity, Unavailable } from './document.ts';
import type { Level } from './level.ts';
import type { ResidentMemory } from './resident.ts';
import type { ScopeStats } from './scopes.ts';

export interface PoolStats {
  manager: string | null;
  name: string;
  kind: 'pool' | 'observed' | 'heap-space';
  limitBytes: number | null;
  blockBytes: number | null;
  /** Sum of the live records: what the limit is enforced on. */
  usedBytes: number;
  /** What is set aside to serve `usedBytes`: reservations as they are, plus the arena's whole segments. Never below `usedBytes`. */
  reservedBytes: number;
  peakBytes: number;
  usedPercent: number | null;
  level: Level;
  allocations: number;
  frees: number;
  rejections: number;
  live: number;
  oldestAgeSeconds: number | null;
  /**
   * Of the heap of a worker thread: its id in Node.js; `null` in the row that stands for all further workers. `usedBytes` and
   * `limitBytes` are then of its old generation, which is what its limit bounds. Not in the row `heap`, which is the main
   * thread's.
   */
  threadId?: number | null;
  /** Of `usedBytes`, since the first look of `--watch`. */
  growthBytes?: number;
}

export interface ManagerStats {
  name: string;
  limitBytes: number | null;
  usedBytes: number;
  usedPercent: number | null;
  level: Level;
  /** Live allocations and reservations that have no record because the table was full. */
  unrecorded: number;
  /** One in this many reservation handles was watched for being lost in the busiest second so far; 1 means that all were. */
  watchedOneIn: number;
}

/** Figures of the whole process; `null` where `unavailable` has the reason. */
export interface ProcessMemory {
  /** Of one core, averaged over the last seconds. */
  cpuPercent: number | null;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapLimitBytes: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  /** memtool's own share: the agent thread's heap and the touched part of the ledger. */
  memtoolBytes: number | null;
}

/** What the worker threads of the application hold, all together; memtool's own is not among them. */
export interface WorkersMemory {
  /** Those that answered. */
  count: number;
  heapUsedBytes: number;
  externalBytes: number;
  arrayBuffersBytes: number;
}

/** Garbage collections of the main thread since they are counted. */
export interface GcStats {
  count: number;
  /** Of `count`, those of the whole heap: after one, what is left lives. An older agent does not say. */
  fullCount?: number;
  pauseMs: number;
}

export interface ProcessStats extends ProcessIdentity, ProcessMemory {
  /** Absent when there are none; the figures of `ProcessMemory` are the main thread's. An older agent does not say. */
  workers?: WorkersMemory;
  managers: ManagerStats[];
  pools: PoolStats[];
  /** The first of the open scopes, in the order that was asked for. */
  scopes: ScopeStats[];
  /** All that are open. An older agent does not say. */
  scopeCount?: number;
  /** Absent when there are none. */
  phases?: PhaseStats[];
  /** Absent when there are none. */
  caches?: CacheStats[];
  /** What all that are open hold together; what is in several is counted once. An older agent does not say. */
  scopesUsedBytes?: number;
  /** Only for those who asked for it to be counted, and not while collections are so many that it would cost too much. */
  gc?: GcStats;
  /** Of one process only, and where the system tells. */
  resident?: ResidentMemory;
  unavailable?: Unavailable;
}

/** What a program has run by a name of its own, with `memory.phase()`. */
export interface PhaseStats {
  manager: string;
  name: string;
  /** That have ended, `failures` included. */
  runs: number;
  running: number;
  failures: number;
  /** Of the run that ended last. */
  durationMs: number;
  longestMs: number;
  /** What all pools held more after the last run than before it; negative when it freed what was there before. */
  notFreedBytes: number;
  /** The most of any run. */
  notFreedMaxBytes: number;
  /** Before and after the last run; `memtool check` collects garbage first. */
  heapUsedBytes: [before: number, after: number];
  /** The peak of any run, in the thread that ran it; what was not freed by the last. */
  pools: { name: string; peakBytes: number; notFreedBytes: number }[];
}

/** A cache of the library's, in the thread that made it. */
export interface CacheStats {
  manager: string;
  pool: string;
  /** `(others)` in the row that stands for all further caches of a pool. */
  name: string;
  entries: number;
  maxEntries: number;
  /** Charged to the pool. */
  usedBytes: number;
  maxBytes: number;
  hits: number;
  misses: number;
  /** Of the lookups, those that found something; `null` before the first one. */
  hitPercent: number | null;
  /** Entries that had to go for others, or because the pool was short of memory. */
  evictions: number;
  /** Entries that the cache or the pool had no room for. */
  refusals: number;
  /** What the entries would take more if none of them was compressed. */
  savedBytes: number;
}

export type StatsReport = Document<'stats', ProcessStats>;
