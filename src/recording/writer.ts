import { MemtoolError } from '../errors.ts';
import {
  parseRecordingLine,
  recordingLine,
  type RecordingEvent,
  type RecordingHeader,
  type RecordingLine,
  type Sample,
} from './format.ts';
import type { LineFile } from './line-file.ts';
import type { OpenedRecording, Recording, RecordingOptions, Resumed } from './recording.ts';
import { Thinner } from './thin.ts';

interface Found extends Resumed {
  samples: number;
}

/** Writes a recording as JSON Lines. */
export class RecordingWriter implements Recording {
  readonly #file: LineFile;
  readonly #thinner: Thinner;
  #columns: readonly string[];
  #samples: number;

  private constructor(file: LineFile, found: Found, { bytesMax }: RecordingOptions) {
    this.#file = file;
    this.#thinner = new Thinner(file, bytesMax);
    this.#columns = found.columns;
    this.#samples = found.samples;
  }

  /**
   * Begins a recording, or goes on with the one that is in the file.
   *
   * @throws MemtoolError `MEMTOOL_FILE_EXISTS` for a file of something else, `MEMTOOL_RECORDING_VERSION`
   */
  static open(file: LineFile, header: RecordingHeader, options: RecordingOptions): OpenedRecording {
    const headerLine = recordingLine(header);
    const existing = readHeader(file);
    if (existing === undefined) {
      if (file.bytes > 0) file.rewrite(() => undefined);
      file.append(headerLine);
      const begun = { startedAtMs: Date.parse(header.startedAt), lastT: 0, pid: header.pid, columns: [], samples: 0 };
      return { recording: new RecordingWriter(file, begun, options), resumed: undefined };
    }
    if (existing.name !== header.name) throw otherName(file.path, existing, header.name);
    file.cutHalfLine();
    const resumed = readEnd(file, existing);
    return { recording: new RecordingWriter(file, resumed, options), resumed };
  }

  /**
   * Before a program is started that is to be recorded.
   *
   * @throws MemtoolError as `open` does
   */
  static check(file: LineFile, name: string): void {
    const existing = readHeader(file);
    if (existing && existing.name !== name) throw otherName(file.path, existing, name);
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  get thinnings(): number {
    return this.#thinner.count;
  }

  sample(columns: readonly string[], sample: Sample): void {
    const isChanged = columns.length !== this.#columns.length;
    const lines = `${isChanged ? recordingLine({ columns: [...columns] }) : ''}${recordingLine(sample)}`;
    if (this.#thinner.isDue(lines.length)) this.#thin();
    this.#file.append(lines);
    this.#columns = isChanged ? [...columns] : this.#columns;
    this.#samples += 1;
  }

  event(event: RecordingEvent): void {
    this.#file.append(recordingLine(event));
  }

  #thin(): void {
    this.#samples = this.#thinner.thin({
      samples: this.#samples,
      isSample,
      tail: (firstKept) => recordingLine({ event: 'thinned', t: timeOf(parseRecordingLine(firstKept)), keepEvery: 2 }),
    });
  }
}

function isSample(line: string): boolean {
  return line.startsWith('[');
}

/** @returns `undefined` for a file that a recording can begin in: a new one, or one whose header was cut off by a kill */
function readHeader(file: LineFile): RecordingHeader | undefined {
  const [first] = file.lines();
  if (first === undefined) {
    // Of another file nothing is known before its first line ends, and it is not ours to overwrite.
    if (file.bytes === 0 || startsLikeHeader(file)) return undefined;
    throw notRecording(file.path);
  }
  const line = parseRecordingLine(first);
  if (line.kind !== 'header') throw notRecording(file.path);
  return line.header;
}

function startsLikeHeader(file: LineFile): boolean {
  const start = file.readStart(HEADER_START.length);
  return HEADER_START.startsWith(start);
}

const HEADER_START = '{"memtoolRecording":';

function readEnd(file: LineFile, header: RecordingHeader): Found {
  const found: Found = {
    startedAtMs: Date.parse(header.startedAt),
    lastT: 0,
    pid: header.pid,
    columns: [],
    samples: 0,
  };
  let lastSample: string | undefined;
  for (const text of file.lines()) {
    // Samples are nearly all of it: only the last is looked into.
    if (isSample(text)) {
      lastSample = text;
      found.samples += 1;
      continue;
    }
    const line = parseRecordingLine(text);
    if (line.kind === 'columns') found.columns = line.columns;
    if (line.kind !== 'event') continue;
    if (line.event.event === 'restart') found.pid = line.event.pid;
    if (line.event.event === 'gap') found.lastT = Math.max(found.lastT, line.event.untilT);
    else found.lastT = Math.max(found.lastT, line.event.t);
  }
  if (lastSample !== undefined) found.lastT = Math.max(found.lastT, timeOf(parseRecordingLine(lastSample)));
  return found;
}

/** The first column is `t`. */
function timeOf(line: RecordingLine): number {
  return line.kind === 'sample' ? (line.sample[0] ?? 0) : 0;
}

export function notRecording(path: string): MemtoolError {
  return new MemtoolError('MEMTOOL_FILE_EXISTS', `${path} exists already and is no recording; it was left as it is.`, {
    hint: 'Give another file with -o.',
  });
}

export function otherName(path: string, existing: { name: string }, name: string): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_FILE_EXISTS',
    `${path} is a recording of ${existing.name}, and ${name} is to be recorded; it was left as it is.`,
    { hint: 'Give another file with -o.' },
  );
}
