/** Budgets of a program, version 1: what it is started with, and what it may take. */
export interface BudgetFile {
  /** What is started; `{size}` in it stands for a row's size. */
  command: string[] | undefined;
  /** How often each command is run. */
  runs: number | undefined;
  rows: BudgetRow[];
}

export const METRICS = ['peakRss', 'endRss', 'heapAfterGc', 'poolPeak', 'growthPerMinute', 'notFreed'] as const;
export type Metric = (typeof METRICS)[number];

/** What is known of one phase. */
export const PHASE_METRICS: readonly Metric[] = ['heapAfterGc', 'poolPeak', 'notFreed'];

export interface BudgetRow {
  /** A name for people. */
  name: string | undefined;
  /** What the program names with `memory.phase()`; the program as a whole without. */
  phase: string | undefined;
  size: string | undefined;
  metric: Metric;
  pool: string | undefined;
  limitBytes: number | undefined;
  baseline: Baseline | undefined;
}

/** What was measured once, and how much it varied. */
export interface Baseline {
  medianBytes: number;
  /** Median of the distances from the median. */
  madBytes: number;
  runs: number;
}
