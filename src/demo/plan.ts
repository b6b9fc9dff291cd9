import type { Column, Table } from './table.ts';

/** Rows whose value is at least `low` and at most `high`. */
export interface Range {
  column: Column;
  low: number;
  high: number;
  /** Estimated share of the rows that pass, 0 to 1. */
  selectivity: number;
}

/** A figure kept for each group; an average is a sum and a count. */
export interface Accumulator {
  operation: 'count' | 'sum' | 'min' | 'max';
  /** `undefined` only for `count`. */
  column: Column | undefined;
}

export interface Grouping {
  keys: Column[];
  accumulators: Accumulator[];
  /** No more groups than this can come out. */
  groupsMax: number;
}

/** Where the values of an output come from: the table itself, or what the grouping made (by index). */
export type Source =
  | { kind: 'column'; column: Column }
  | { kind: 'key'; index: number }
  | { kind: 'accumulator'; index: number }
  | { kind: 'average'; sum: number; count: number };

/** A query bound to its table, in the order in which the evaluator goes through it. */
export interface Plan {
  table: Table;
  /** True when no row can pass, whatever the data. */
  empty: boolean;
  /** The most selective first. */
  ranges: Range[];
  grouping: Grouping | undefined;
  outputs: { label: string; source: Source }[];
  order: { source: Source; descending: boolean } | undefined;
  limit: number;
}
