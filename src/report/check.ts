import type { SCHEMA_VERSION } from './document.ts';

/** `missing`: it could not be measured, which is a failure: a phase that was renamed must not pass. */
export type CheckStatus = 'ok' | 'no-limit' | 'over' | 'above-baseline' | 'missing';

/** One budget, and what was measured. */
export interface CheckRow {
  name: string | null;
  /** `null` for the program as a whole. */
  phase: string | null;
  size: string | null;
  metric: 'peakRss' | 'endRss' | 'heapAfterGc' | 'poolPeak' | 'growthPerMinute' | 'notFreed';
  pool: string | null;
  limitBytes: number | null;
  baseline: { medianBytes: number; madBytes: number; runs: number } | null;
  /** By how much it may be above the baseline. */
  toleranceBytes: number | null;
  /** Median of `runsBytes`; `null` when it is missing. */
  measuredBytes: number | null;
  /** Median of their distances from it. */
  madBytes: number | null;
  runsBytes: number[];
  status: CheckStatus;
  /** Why it is missing. */
  reason?: string;
}

/** What `memtool check` has measured; its processes have ended. */
export interface CheckReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: 'check';
  processes: [];
  file: string;
  program: string[];
  runs: number;
  /** Whether the file now has what was measured. */
  updated: boolean;
  passed: boolean;
  rows: CheckRow[];
}
