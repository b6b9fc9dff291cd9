import type { RecordingEvent, Sample } from './format.ts';

export const OUTPUT_FORMATS = ['jsonl', 'csv'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** A recording that is being made. Each call is one write; all throw MemtoolError `MEMTOOL_CANNOT_WRITE`. */
export interface Recording {
  readonly bytes: number;
  /** How often old samples were thinned out. */
  readonly thinnings: number;
  /** @param columns - As at the last call, with new ones only at the end; the first is `t`. */
  sample(columns: readonly string[], sample: Sample): void;
  event(event: RecordingEvent): void;
}

/** Where a recording that is gone on with had ended. */
export interface Resumed {
  startedAtMs: number;
  /** Of the last sample or event. */
  lastT: number;
  /** Of the target, at its end. */
  pid: number;
  columns: string[];
}

export interface RecordingOptions {
  /** The file is thinned when it is larger. */
  bytesMax: number;
}

export interface OpenedRecording {
  recording: Recording;
  /** `undefined` when it was begun now. */
  resumed: Resumed | undefined;
}
