/**
 * A recording: what a process held, over time. JSON Lines in UTF-8, one line a sample:
 *
 *     {"memtoolRecording":1,"name":"orders-api","pid":4242,"startedAt":"2026-01-31T12:00:00.000Z","intervalMs":1000,...}
 *     {"columns":["t","rss","heapUsed","pool:orders-api/cache.used"]}
 *     [0,71303168,9437184,1048576]
 *     [1000,71565312,9502720,1114112]
 *     {"event":"restart","t":61000,"pid":4311}
 *
 * The first line is the header. `columns` comes before the first sample and again whenever the set changes; it holds for the
 * samples that follow it. A sample is an array in the order of the columns, with `null` for what is not known. What a reader
 * does not know, events and columns alike, it skips; another version it refuses. A last line that is no JSON is what a kill
 * in the middle of a write leaves: readers drop it, and a writer that resumes cuts it off.
 */
import { MemtoolError } from '../errors.ts';

export const RECORDING_VERSION = 1;

/** A file is thinned when it grows beyond this: 24 hours at one second with twenty columns are below it. */
export const RECORDING_BYTES_MAX_DEFAULT: number = 30_000_000;

/** The first line. */
export interface RecordingHeader {
  memtoolRecording: typeof RECORDING_VERSION;
  /** Of the target: its manager's, else its script's. A recording goes on only with a target of the same name. */
  name: string;
  /** Of the target when the recording began; a `restart` event has that of its successor. */
  pid: number;
  /** `null` for a process of which it is not known. */
  nodeVersion: string | null;
  /** ISO 8601, UTC. `t` counts from here. */
  startedAt: string;
  /** Wanted, between two samples; after thinning, older ones are further apart. */
  intervalMs: number;
  memtoolVersion: string;
  hostname: string;
}

export interface ColumnsLine {
  columns: string[];
}

/** In the order of the columns. */
export type Sample = (number | null)[];

/** `t` is milliseconds since `startedAt`. */
export type RecordingEvent =
  /** The target is there again, under another pid: cumulative figures start from 0. */
  | { event: 'restart'; t: number; pid: number }
  /** The target has ended. */
  | { event: 'gone'; t: number }
  /** Nothing was recorded from `t` to `untilT`. */
  | { event: 'gap'; t: number; untilT: number; reason: string }
  /** Of the samples before `t` that were there at the time, only every `keepEvery`th is left. */
  | { event: 'thinned'; t: number; keepEvery: number };

/**
 * Columns that may be there, beside pools. Sizes are whole bytes. A figure that is too dear for every sample (`pss`) is `null`
 * in between.
 */
export const RECORDING_COLUMNS = [
  /** Milliseconds since `startedAt`; never falls. */
  't',
  'rss',
  'pss',
  'vsz',
  /** Of the main thread. */
  'heapUsed',
  'heapLimit',
  'external',
  'arrayBuffers',
  /** The heaps of all worker threads of the application together. */
  'workersHeapUsed',
  /** Of one core. */
  'cpuPercent',
  /** Of the main thread, since the agent watches them. */
  'gcCount',
  /** Of `gcCount`, those of the whole heap: after one, what is left lives. */
  'gcFullCount',
  'gcPauseMs',
  'scopes.count',
  /** Of the scopes that are in no other, the sum. */
  'scopes.used',
  'cgroup.current',
  'cgroup.limit',
  'threads',
  'fds',
] as const;
export type ProcessColumn = (typeof RECORDING_COLUMNS)[number];

/** `limit` is `null` without one; `live` counts allocations and reservations. */
export type PoolFigure = 'used' | 'limit' | 'live';

export interface PoolColumn {
  manager: string;
  pool: string;
  figure: PoolFigure;
}

/** `pool:orders-api/cache.used` */
export function poolColumn(manager: string | null, pool: string, figure: PoolFigure): string {
  return `pool:${manager ?? ''}/${pool}.${figure}`;
}

/** @returns `undefined` for a column that is not of a pool. */
export function parsePoolColumn(column: string): PoolColumn | undefined {
  const match = /^pool:([^/]*)\/(.*)\.(used|limit|live)$/s.exec(column);
  if (!match) return undefined;
  const [, manager = '', pool = '', figure] = match;
  return figure === 'used' || figure === 'limit' || figure === 'live' ? { manager, pool, figure } : undefined;
}

/** What a line is. `unknown` is JSON of a kind that this version does not know, and `broken` is no JSON. */
export type RecordingLine =
  | { kind: 'header'; header: RecordingHeader }
  | { kind: 'columns'; columns: string[] }
  | { kind: 'sample'; sample: Sample }
  | { kind: 'event'; event: RecordingEvent }
  | { kind: 'unknown' }
  | { kind: 'broken' };

/**
 * What one line of a recording says.
 *
 * @param line - Without its line feed.
 * @throws MemtoolError `MEMTOOL_RECORDING_VERSION` for the header of another version.
 */
export function parseRecordingLine(line: string): RecordingLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: 'broken' };
  }
  if (Array.isArray(value)) {
    return value.every(isFigure) ? { kind: 'sample', sample: value } : { kind: 'unknown' };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'unknown' };
  if ('memtoolRecording' in value) return { kind: 'header', header: checkedHeader(value) };
  if ('columns' in value) {
    const { columns } = value;
    return Array.isArray(columns) && columns.every((column) => typeof column === 'string')
      ? { kind: 'columns', columns }
      : { kind: 'unknown' };
  }
  const event = parseEvent(value);
  return event ? { kind: 'event', event } : { kind: 'unknown' };
}

/** A line as it is written, with its line feed. */
export function recordingLine(value: RecordingHeader | ColumnsLine | Sample | RecordingEvent): string {
  return `${JSON.stringify(value)}\n`;
}

function isFigure(value: unknown): value is number | null {
  return value === null || typeof value === 'number';
}

function checkedHeader(value: { memtoolRecording: unknown }): RecordingHeader {
  if (value.memtoolRecording !== RECORDING_VERSION) {
    throw new MemtoolError(
      'MEMTOOL_RECORDING_VERSION',
      `The recording is of version ${JSON.stringify(value.memtoolRecording)}; this memtool reads version ${RECORDING_VERSION}.`,
      { hint: 'Read it with the memtool that wrote it; the header has its version, memtoolVersion.' },
    );
  }
  if (isHeader(value)) return value;
  throw new MemtoolError('MEMTOOL_BAD_RECORDING', 'The header of the recording is incomplete.', {
    hint: 'The first line of a recording has name, pid, startedAt and intervalMs. Was it edited?',
  });
}

function isHeader(value: object): value is RecordingHeader {
  return (
    'name' in value &&
    typeof value.name === 'string' &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startedAt' in value &&
    typeof value.startedAt === 'string' &&
    Number.isFinite(Date.parse(value.startedAt)) &&
    'intervalMs' in value &&
    typeof value.intervalMs === 'number'
  );
}

function parseEvent(value: object): RecordingEvent | undefined {
  if (!('event' in value) || !('t' in value) || typeof value.t !== 'number') return undefined;
  const { event, t } = value;
  if (event === 'gone') return { event, t };
  if (event === 'restart' && 'pid' in value && typeof value.pid === 'number') return { event, t, pid: value.pid };
  if (event === 'thinned' && 'keepEvery' in value && typeof value.keepEvery === 'number') {
    return { event, t, keepEvery: value.keepEvery };
  }
  if (event === 'gap' && 'untilT' in value && typeof value.untilT === 'number') {
    const reason = 'reason' in value && typeof value.reason === 'string' ? value.reason : '';
    return { event, t, untilT: value.untilT, reason };
  }
  return undefined;
}
