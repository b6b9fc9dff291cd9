import type { Document, ProcessIdentity, Unavailable } from './document.ts';
import type { Verdict } from './leaks.ts';
import type { Level } from './level.ts';
import type { ScopeKind } from './scopes.ts';
import type { Totals } from './totals.ts';

/** How a process ended, as far as that can be told. */
export interface LastEnding {
  /**
   * `exit` with a code, `error` that nobody caught, `oom-kill` by the kernel, `heap-limit`: V8 gave up, `signal` that is known,
   * `killed` by one that is not, `restart` of the machine. `running`: it has not.
   */
  how: 'running' | 'exit' | 'error' | 'oom-kill' | 'heap-limit' | 'signal' | 'killed' | 'restart';
  /** How sure that is. */
  certainty: 'certain' | 'likely' | 'unknown';
  /** Whether it ended for want of memory. */
  ofMemory: boolean;
  /** ISO 8601, UTC: when it ended, where somebody has noted that; else when it was last heard of, at most a second before. */
  at: string | null;
  /** `null` where it is of no use any more: a clock that was set. */
  agoSeconds: number | null;
  code: number | null;
  signal: string | null;
  error: { text: string; stack: string[] } | null;
  /** What that rests on, as sentences. */
  because: string[];
  /** The kernel's own words. */
  kernelLine: string | null;
}

/** Of a pool, the heap or the container, when it reached or left a level. */
export interface LastEvent {
  at: string;
  name: string;
  level: Level;
  usedBytes: number;
  limitBytes: number;
}

/** Who held memory of a pool. */
export interface LastHolder extends Totals {
  manager: string;
  pool: string;
  tag: string | null;
  stack: string[];
}

/** A place of the program, by the last reading of the heap. */
export interface LastSite {
  source: 'heap' | 'buffers';
  stack: string[];
  bytes: number;
  verdict: Verdict;
}

export interface LastPool {
  manager: string;
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  usedPercent: number | null;
}

export interface LastScope {
  manager: string;
  kind: ScopeKind;
  name: string;
  user: string | null;
  usedBytes: number;
  limitBytes: number | null;
  ageSeconds: number;
}

/** Rows in the order of `columns`, which are named as in a recording; `t` is milliseconds since the start of the process. */
export interface LastHistory {
  columns: string[];
  /** The last ten minutes, a second apart. */
  seconds: (number | null)[][];
  /** The last day, a minute apart. */
  minutes: (number | null)[][];
}

/** A process that has left its black box; `sampledAt` and `uptimeSeconds` are of its last sample. */
export interface LastListing extends ProcessIdentity {
  file: string;
  ending: LastEnding;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapLimitBytes: number | null;
}

/** The same with all that is in the box. */
export interface ProcessLast extends LastListing {
  memtoolVersion: string | null;
  hostname: string | null;
  /** How long before the last sample the heap was read: its event loop may have been busy. */
  heapAgeSeconds: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  cpuPercent: number | null;
  containerUsedBytes: number | null;
  containerLimitBytes: number | null;
  /** Largest first. */
  pools: LastPool[];
  /** All pools, also those that are not listed. */
  poolsUsedBytes: number | null;
  /** What follows is of this time, up to ten seconds before the last sample. */
  detailsAt: string | null;
  holders: LastHolder[];
  scopes: LastScope[];
  scopeCount: number;
  events: LastEvent[];
  /** `null` while nobody has had the heap read. */
  sitesReadAt: string | null;
  sites: LastSite[];
  history: LastHistory;
  unavailable?: Unavailable;
}

/** Of one process all that is known; without a target, a line of each. */
export type LastReport = Document<'last', ProcessLast | LastListing>;
