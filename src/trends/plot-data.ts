/** What the page of `memtool report` is given to draw. The page runs in a browser: only types, and nothing of Node. */

export interface PlotRun {
  /** Of the samples around each time; `null` without any. */
  least: (number | null)[];
  most: (number | null)[];
  /** What was judged: floors or medians of windows, each at the time nearest to its middle. */
  windows: (number | null)[];
  /** The two ends of the line through them. */
  line: (number | null)[];
  /** Where warm-up ends, in seconds since the recording began. */
  warmUpSeconds: number | null;
}

export interface PlotData {
  column: string;
  verdict: 'growing' | 'shrinking' | 'settled' | 'not-enough';
  /** Seconds since the recording began. */
  times: number[];
  limitBytes: number | null;
  /** One, or the baseline and the current one; `null` where a recording has no such series. */
  runs: (PlotRun | null)[];
}
