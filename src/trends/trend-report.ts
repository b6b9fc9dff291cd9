/** What `memtool report` says: the part of the reports (report/) that is about recordings. */

/** `not-enough`: record longer; the reason says why. */
export type SeriesVerdict = 'growing' | 'shrinking' | 'settled' | 'not-enough';

/** From what one must act on to what one need not. */
export const SERIES_VERDICTS: readonly SeriesVerdict[] = ['growing', 'not-enough', 'shrinking', 'settled'];

export interface SeriesTrend {
  /** The column of the recording: `rss`, `heapUsed`, `pool:orders-api/cache.used`. */
  column: string;
  verdict: SeriesVerdict;
  /** One sentence that a person can check. */
  reason: string;
  /** Theil-Sen slope of what was judged; `null` with too little to judge. */
  bytesPerMinute: number | null;
  /** The slope's interval of 95 %. */
  bytesPerMinuteInterval: [low: number, high: number] | null;
  /** Of Mann-Kendall's test, two-sided, corrected for ties and autocorrelation. */
  p: number | null;
  /** Median of what was judged. */
  levelBytes: number | null;
  lastBytes: number | null;
  peakBytes: number | null;
  limitBytes: number | null;
  /** At this slope; `null` when it does not grow or has no limit. */
  secondsToLimit: number | null;
  /** Cut off at the beginning, by change point. */
  warmUpSeconds: number;
  /** Full garbage collections in the recording; `null` of what does not depend on them, or where they were not counted. */
  collections: number | null;
  /** Evenly spread over the time that was looked at, `null` where there are no samples: what a sparkline draws. */
  shape: (number | null)[];
}

/** One recording, read and judged. */
export interface RecordingTrends {
  file: string;
  name: string;
  pid: number;
  nodeVersion: string | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  intervalMs: number;
  /** From the first to the last sample. */
  durationSeconds: number;
  samples: number;
  restarts: number;
  /** What was judged: the longest time between two restarts. */
  judgedFromSeconds: number;
  judgedToSeconds: number;
  series: SeriesTrend[];
  /** What is wrong with the file, as sentences. */
  warnings: string[];
}

export type DifferenceVerdict = 'higher' | 'lower' | 'same' | 'not-enough';

/** Of one series, the second recording against the first. */
export interface SeriesDifference {
  column: string;
  /** Whether the level differs beyond what varies within the recordings. */
  verdict: DifferenceVerdict;
  reason: string;
  baselineBytes: number | null;
  currentBytes: number | null;
  /** By how much the current level is higher (Hodges-Lehmann), and its interval of 95 %. */
  changeBytes: number | null;
  changeInterval: [low: number, high: number] | null;
  p: number | null;
  /** Of the slopes; `isFaster` when their intervals have nothing in common and it grows. */
  bytesPerMinuteChange: number | null;
  isFaster: boolean;
}

export interface TrendReport {
  schemaVersion: number;
  command: 'report';
  /** One, or the baseline and the current one. */
  processes: RecordingTrends[];
  /** With two recordings. */
  differences?: SeriesDifference[];
  /** The page that was written. */
  file?: string;
}
