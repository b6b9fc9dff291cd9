import type { Document, ProcessIdentity, ReportedError } from './document.ts';

/** Why a recording ended: its time was over, somebody ended it, or the process or program did. */
export type RecordingEnd = 'duration' | 'interrupted' | 'gone' | 'exited';

/** A column of a recording, as it went while this command ran. */
export interface RecordedSeries {
  column: string;
  first: number;
  last: number;
  lowest: number;
  highest: number;
}

/** What was recorded by one run of `memtool record`. */
export interface ProcessRecording extends ProcessIdentity {
  /** As it was given, or in the current directory. */
  file: string;
  format: 'jsonl' | 'csv';
  /** Size of the file. */
  bytes: number;
  intervalMs: number;
  seconds: number;
  samples: number;
  /** Of `samples`, those in which only the system has told something. */
  samplesWithoutAgent: number;
  /** It went on with what was in the file. */
  resumed: boolean;
  /** Under the same name, under another pid. */
  restarts: number;
  /** Times in which nothing could be recorded. */
  gaps: number;
  /** How often every second sample of the older half was left out, to keep the file below its bound. */
  thinnings: number;
  end: RecordingEnd;
  /** Of the program that `memtool record` had started. */
  exitCode?: number;
  /** Columns that had a figure. */
  series: RecordedSeries[];
  /** There were more pools than there is room for columns. */
  columnsLeftOut?: boolean;
  /** Why nothing more was recorded, while the program went on. */
  error?: ReportedError;
}

export type RecordReport = Document<'record', ProcessRecording>;
