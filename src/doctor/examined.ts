import type { Finding } from '../report/doctor.ts';
import type { LastHistory, LastListing } from '../report/last.ts';
import type { ProcessLeaks } from '../report/leaks.ts';
import type { ProcessPressure } from '../report/pressure.ts';
import type { ProcessStats } from '../report/stats.ts';
import type { SystemFigures } from '../report/system-figures.ts';

/** All that is known of a process when it is judged: the reports of the verbs, and what the system says. */
export interface Examined {
  stats: ProcessStats;
  pressure: ProcessPressure;
  /** `null` without an agent. */
  leaks: ProcessLeaks | null;
  /** What older than this counts as stale, and what the heap has to be watched for longer than. */
  ageSeconds: number;
  /** What the main thread did while it was looked at; `null` where that cannot be told. */
  activity: Activity | null;
  container: ContainerFigures | null;
  system: SystemFigures | null;
  /** Why there is no agent; `null` where there is one. */
  noAgent: NoAgent | null;
  /** Of the black box of the process itself. */
  history: LastHistory | null;
  /** Of the same name, that have ended for want of memory, newest first. */
  predecessors: LastListing[];
}

export interface Activity {
  seconds: number;
  /** It ran, or waited for a core. */
  busyPercent: number;
  /** How often it went to sleep by itself. */
  sleeps: number;
  /** In garbage collections; `null` where they could not be counted. */
  gcPauseMs: number | null;
}

export interface ContainerFigures {
  usedBytes: number;
  limitBytes: number;
  reclaimableBytes: number;
  oomKills: number;
  stallPercent: number | null;
}

export interface NoAgent {
  isNode: boolean;
  /** It has or had one that is of no use. */
  failed: boolean;
  /** It has one, that did not answer. */
  isSilent: boolean;
  attachable: boolean;
  /** A sentence, or the end of one. */
  reason: string;
  /** How to start it with an agent. */
  restartCommand: string;
}

/** A rule: what it finds. */
export type Rule = (examined: Examined) => Finding[];
