import type { RecordingEvent, RecordingHeader, Sample } from './format.ts';
import type { LineFile } from './line-file.ts';
import type { OpenedRecording, Recording, RecordingOptions, Resumed } from './recording.ts';
import { Thinner } from './thin.ts';
import { notRecording, otherName } from './writer.ts';

/** What a row says beside the columns of a sample; a restart shows as another pid. */
const LEADING = ['time', 'name', 'pid'] as const;

interface Found extends Resumed {
  samples: number;
}

/**
 * Writes a recording for spreadsheets and notebooks: RFC 4180 with line feeds, a row of names, then one row a sample. What
 * is not known is empty. Events have no place in it.
 */
export class CsvWriter implements Recording {
  readonly #file: LineFile;
  readonly #thinner: Thinner;
  readonly #startedAtMs: number;
  readonly #name: string;
  #pid: number;
  #columns: readonly string[];
  #samples: number;

  private constructor(file: LineFile, name: string, found: Found, { bytesMax }: RecordingOptions) {
    this.#file = file;
    this.#thinner = new Thinner(file, bytesMax);
    this.#startedAtMs = found.startedAtMs;
    this.#name = field(name);
    this.#pid = found.pid;
    this.#columns = found.columns;
    this.#samples = found.samples;
  }

  /** @throws MemtoolError `MEMTOOL_FILE_EXISTS` for a file of something else */
  static open(file: LineFile, header: RecordingHeader, options: RecordingOptions): OpenedRecording {
    const resumed = readExisting(file, header.name);
    if (resumed) return { recording: new CsvWriter(file, header.name, resumed, options), resumed };
    if (file.bytes > 0) file.rewrite(() => undefined);
    const begun = { startedAtMs: Date.parse(header.startedAt), lastT: 0, pid: header.pid, columns: [], samples: 0 };
    return { recording: new CsvWriter(file, header.name, begun, options), resumed: undefined };
  }

  /** @throws MemtoolError as `open` does */
  static check(file: LineFile, name: string): void {
    readExisting(file, name);
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  get thinnings(): number {
    return this.#thinner.count;
  }

  sample(columns: readonly string[], sample: Sample): void {
    if (columns.length !== this.#columns.length) this.#setColumns(columns);
    const time = new Date(this.#startedAtMs + (sample[0] ?? 0)).toISOString();
    // V8 keeps what `join` makes of numbers: of a day's that was 38 MB of RSS more.
    const figures = JSON.stringify(sample).slice(1, -1).replaceAll('null', '');
    const row = `${time},${this.#name},${this.#pid},${figures}\n`;
    if (this.#thinner.isDue(row.length)) {
      this.#samples = this.#thinner.thin({ samples: this.#samples, isSample, tail: () => '' });
    }
    this.#file.append(row);
    this.#samples += 1;
  }

  event(event: RecordingEvent): void {
    if (event.event === 'restart') this.#pid = event.pid;
  }

  /** The names stand in the first row: with new ones, the file is written anew, and the rows until then have them empty. */
  #setColumns(columns: readonly string[]): void {
    const head = [...LEADING, ...columns].map(field).join(',');
    const missing = ','.repeat(columns.length - this.#columns.length);
    if (this.#file.bytes === 0) this.#file.append(`${head}\n`);
    else this.#file.rewrite((line) => (isSample(line) ? line + missing : head));
    this.#columns = [...columns];
  }
}

/** A row of figures begins with its time, and the row of names does not. */
function isSample(line: string): boolean {
  return /^\d/.test(line);
}

function readExisting(file: LineFile, wantedName: string): Found | undefined {
  const [head] = file.lines();
  const names = readRow(head ?? '');
  if (head === undefined) {
    const start = `${LEADING.join(',')},`;
    // A row of names that a kill has cut off.
    if (file.bytes === 0 || file.readStart(start.length) === start) return undefined;
    throw notRecording(file.path);
  }
  if ([...LEADING, 't'].some((name, index) => names[index] !== name)) throw notRecording(file.path);
  file.cutHalfLine();
  let samples = 0;
  let first: string | undefined;
  let last: string | undefined;
  for (const line of file.lines()) {
    if (!isSample(line)) continue;
    first ??= line;
    last = line;
    samples += 1;
  }
  const columns = names.slice(LEADING.length);
  if (first === undefined || last === undefined) return undefined;
  const [firstTime = '', name = '', , firstT] = readRow(first);
  const [, , pid, lastT] = readRow(last);
  const startedAtMs = Date.parse(firstTime) - Number(firstT);
  if (!Number.isFinite(startedAtMs) || !Number.isFinite(Number(lastT))) throw notRecording(file.path);
  if (name !== wantedName) throw otherName(file.path, { name }, wantedName);
  return { startedAtMs, lastT: Number(lastT), pid: Number(pid), columns, samples };
}

/** Quoted where it must be; what a spreadsheet would take for a formula is not. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""').replace(/[\r\n]+/g, ' ')}"` : safe;
}

function readRow(line: string): string[] {
  const fields: string[] = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    fields.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
  }
  return fields;
}
