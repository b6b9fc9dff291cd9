import { MemtoolError } from '../errors.ts';
import { RECORDING_BYTES_MAX_DEFAULT } from '../recording/format.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../recording/recording.ts';
import { parseBytes, parseSeconds } from '../units.ts';
import { checkName, fileStem } from './output-file.ts';

export interface RecordFlags {
  interval?: string;
  for?: string;
  output?: string;
  format?: string;
  maxSize?: string;
}

/** What the options ask for. */
export interface RecordPlan {
  intervalMs: number;
  /** `Infinity`: until something ends it. */
  forMs: number;
  format: OutputFormat;
  bytesMax: number;
  /** The file for what has this name. */
  fileOf: (name: string) => string;
}

const INTERVAL_SECONDS_MIN = 0.1;
/** An agent that was attached goes away after 15 minutes without a question. */
const INTERVAL_SECONDS_MAX = 600;
const FOR_SECONDS_MAX = 366 * 86_400;
/** There must be room for samples beside the header and the names of the columns. */
const BYTES_MAX_MIN = 16_000;

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_USAGE` */
export function readPlan(flags: RecordFlags): RecordPlan {
  const { interval = '1s', format: wanted = 'jsonl', output } = flags;
  if (output !== undefined) checkName(output);
  const format = OUTPUT_FORMATS.find((one) => one === wanted);
  if (format === undefined) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--format is ${JSON.stringify(wanted)}.`, {
      hint: `Give one of ${OUTPUT_FORMATS.join(', ')}.`,
    });
  }
  return {
    intervalMs: between(interval, '--interval', INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX) * 1000,
    forMs:
      flags.for === undefined ? Infinity : between(flags.for, '--for', INTERVAL_SECONDS_MIN, FOR_SECONDS_MAX) * 1000,
    format,
    bytesMax: readBytesMax(flags.maxSize),
    fileOf: (name) => output ?? `${fileStem(name)}.${format}`,
  };
}

function between(value: string, option: string, least: number, most: number): number {
  const seconds = parseSeconds(value, option);
  if (seconds >= least && seconds <= most) return seconds;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    `${option} is ${value}: it must be between ${least} and ${most} seconds.`,
    { hint: `For example: ${option} ${option === '--for' ? '24h' : '1s'}` },
  );
}

function readBytesMax(value: string | undefined): number {
  if (value === undefined) return RECORDING_BYTES_MAX_DEFAULT;
  const bytes = parseBytes(value, '--max-size');
  if (bytes >= BYTES_MAX_MIN) return bytes;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--max-size is ${value}: it must be at least 16kB.`, {
    hint: 'For example: --max-size 30MB',
  });
}
