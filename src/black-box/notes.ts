/** What the blocks of a black box say, as JSON. Whoever reads them takes nothing for granted: see `contents.ts`. */
import type { Verdict } from '../report/leaks.ts';
import type { Level } from '../report/level.ts';
import type { ScopeKind } from '../report/scopes.ts';

export interface PoolColumn {
  manager: string;
  name: string;
  limitBytes: number | null;
}

/** The control group the process is in. */
export interface BoxGroup {
  /** From the root of its hierarchy, as the process reads it: `/` in a container. */
  path: string;
  /** That counts how often the kernel has killed in it. */
  eventsFile: string;
  /** Of its directory: another group by the same path has another. */
  inode: number;
}

export interface Head {
  name: string;
  scriptName: string;
  /** As the process itself takes it to be. */
  pid: number;
  startTime: string;
  startedAtMs: number;
  nodeVersion: string;
  memtoolVersion: string;
  hostname: string;
  /** `null` where the system has none. */
  bootId: string | null;
  /** Whether the kernel's log has the same pid for it. */
  hasHostPid: boolean;
  group: BoxGroup | null;
  pools: PoolColumn[];
  /** Pools beyond those that have a column. */
  poolsLeftOut: number;
}

export interface BoxEvent {
  atMs: number;
  /** `heap`, `container`, or a pool as `manager/pool`. */
  name: string;
  level: Level;
  usedBytes: number;
  limitBytes: number;
}

export interface BoxScope {
  manager: string;
  kind: ScopeKind;
  name: string;
  user: string | null;
  usedBytes: number;
  limitBytes: number | null;
  ageSeconds: number;
}

/** Who held the memory of a pool. */
export interface BoxHolder {
  manager: string;
  pool: string;
  tag: string | null;
  /** Innermost first; empty for what was not sampled. */
  stack: string[];
  count: number;
  bytes: number;
}

/** A place of the program, as the last reading of the heap had it. */
export interface BoxSite {
  source: 'heap' | 'buffers';
  stack: string[];
  bytes: number;
  verdict: Verdict;
}

export interface Details {
  atMs: number;
  /** The last ones; oldest first. */
  events: BoxEvent[];
  scopes: BoxScope[];
  scopeCount: number;
  holders: BoxHolder[];
  /** `null` while nobody has had the heap read. */
  sitesReadAtMs: number | null;
  sites: BoxSite[];
  /** Kills that the group has counted so far; `null` where it does not tell. */
  oomKills: number | null;
}

export interface BoxError {
  /** As it is printed, without its stack. */
  text: string;
  stack: string[];
  atMs: number;
}

/** How a process ended, by its own account. */
export interface OwnEnding {
  atMs: number;
  code: number;
  error: BoxError | null;
  rssBytes: number;
  heapUsedBytes: number;
}

/** How it ended, by the account of the process that had started it. */
export interface StarterEnding {
  atMs: number;
  code: number | null;
  signal: string | null;
}
