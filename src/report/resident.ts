/** Where resident memory is, in the order in which it is told. `native` is what nothing else accounts for. */
export type ResidentName = 'js-heap' | 'array-buffers' | 'memtool' | 'thread-stacks' | 'code-and-files' | 'native';

export interface ResidentRow {
  name: ResidentName;
  bytes: number;
  /** Since the first look of `--watch`; `null` at that look. */
  growthBytes: number | null;
}

/** What nobody could say of the process has no row, and is in `native`. */
export interface ResidentMemory {
  /** Sum of the rows. Read a moment later than the other figures. */
  rssBytes: number;
  rows: ResidentRow[];
}
