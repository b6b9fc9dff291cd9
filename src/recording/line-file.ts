import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MemtoolError } from '../errors.ts';

const CHUNK_BYTES: number = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * A file of whole lines that is only ever added to. Each line goes out in one write, so that a kill at any moment loses at
 * most the last one; what it leaves of that is cut off when the file is opened again. All calls are synchronous: a line is
 * in the hands of the system when `append` returns.
 */
export class LineFile {
  /** As it was given. */
  readonly path: string;
  readonly #target: string;
  #descriptor: number;
  #bytes: number;

  private constructor(path: string, target: string, descriptor: number, bytes: number) {
    this.path = path;
    this.#target = target;
    this.#descriptor = descriptor;
    this.#bytes = bytes;
  }

  /**
   * Opens what is there, or makes a file.
   *
   * @throws MemtoolError `MEMTOOL_CANNOT_WRITE`
   */
  static open(path: string): LineFile {
    try {
      const target = resolveFile(path);
      // Asked before it is opened: to open a pipe waits for its reader.
      if (statSync(target, { throwIfNoEntry: false })?.isFile() === false)
        throw cannotWrite(path, 'it is no regular file, which alone can be resumed and thinned');
      const descriptor = openSync(target, 'a+');
      const file = new LineFile(path, target, descriptor, fstatSync(descriptor).size);
      rmSync(file.#temporary(), { force: true });
      return file;
    } catch (error) {
      throw asMemtoolError(path, error);
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Cuts off what comes after the last line feed.
   *
   * @returns how many bytes that were
   */
  cutHalfLine(): number {
    try {
      const end = this.#lastLineEnd();
      const cutBytes = this.#bytes - end;
      if (cutBytes > 0) this.#truncate(end);
      return cutBytes;
    } catch (error) {
      throw asMemtoolError(this.path, error);
    }
  }

  /**
   * @param text - One or more lines, each with its line feed.
   * @throws MemtoolError `MEMTOOL_CANNOT_WRITE`; nothing of the text is left in the file then
   */
  append(text: string): void {
    const bytes = Buffer.from(text);
    try {
      this.#checkOurs();
      writeWhole(this.#descriptor, bytes);
      this.#bytes += bytes.length;
    } catch (error) {
      this.#restore();
      throw asMemtoolError(this.path, error);
    }
  }

  /** The lines as they are now, without their line feeds. What comes after the last line feed is none. */
  *lines(): Generator<string> {
    let rest: Buffer = Buffer.alloc(0);
    for (let position = 0; position < this.#bytes;) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#bytes - position));
      const count = readSync(this.#descriptor, chunk, 0, chunk.length, position);
      if (count === 0) return;
      position += count;
      const read = chunk.subarray(0, count);
      const whole = rest.length === 0 ? read : Buffer.concat([rest, read]);
      let start = 0;
      for (let end = whole.indexOf(LINE_FEED); end >= 0; end = whole.indexOf(LINE_FEED, start)) {
        yield whole.toString('utf8', start, end);
        start = end + 1;
      }
      rest = whole.subarray(start);
    }
  }

  /** The first so many bytes, as text. */
  readStart(bytes: number): string {
    const start = Buffer.alloc(bytes);
    return start.toString('utf8', 0, readSync(this.#descriptor, start, 0, bytes, 0));
  }

  /**
   * Puts another file in the place of this one, at once: a reader, or a kill, finds the old one or the new one whole.
   *
   * @param edit - Gives what is to stand for a line, without a line feed; `undefined` leaves it out.
   * @param tail - Lines that are added at the end.
   * @throws MemtoolError `MEMTOOL_CANNOT_WRITE`; the file is as it was
   */
  rewrite(edit: (line: string) => string | undefined, tail: string = ''): void {
    const temporary = this.#temporary();
    let descriptor: number | undefined;
    try {
      this.#checkOurs();
      rmSync(temporary, { force: true });
      const { mode } = fstatSync(this.#descriptor);
      descriptor = openSync(temporary, 'ax+', mode & 0o777);
      const bytes = this.#copy(descriptor, edit, tail);
      // Else the machine may stop between the name and what it names.
      fsyncSync(descriptor);
      renameSync(temporary, this.#target);
      closeSync(this.#descriptor);
      this.#descriptor = descriptor;
      this.#bytes = bytes;
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      rmSync(temporary, { force: true });
      throw asMemtoolError(this.path, error);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #copy(descriptor: number, edit: (line: string) => string | undefined, tail: string): number {
    let bytes = 0;
    let pending = '';
    const flush = (): void => {
      const chunk = Buffer.from(pending);
      writeWhole(descriptor, chunk);
      bytes += chunk.length;
      pending = '';
    };
    for (const line of this.lines()) {
      const edited = edit(line);
      if (edited !== undefined) pending += `${edited}\n`;
      if (pending.length > CHUNK_BYTES) flush();
    }
    pending += tail;
    flush();
    return bytes;
  }

  #lastLineEnd(): number {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let end = this.#bytes; end > 0;) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const count = readSync(this.#descriptor, chunk, 0, end - start, start);
      const at = chunk.subarray(0, count).lastIndexOf(LINE_FEED);
      if (at >= 0) return start + at + 1;
      end = start;
    }
    return 0;
  }

  /** Whoever removes the file, replaces it or writes to it as well, would find half of a recording later. */
  #checkOurs(): void {
    const ours = fstatSync(this.#descriptor);
    const named = statSync(this.#target, { throwIfNoEntry: false });
    if (named === undefined || ours.ino !== named.ino || ours.dev !== named.dev)
      throw cannotWrite(this.path, 'it was removed, moved or replaced meanwhile');
    if (ours.size !== this.#bytes) throw cannotWrite(this.path, 'somebody else has changed it meanwhile');
  }

  /** After a write of which only a part found room. */
  #restore(): void {
    try {
      const { size, nlink } = fstatSync(this.#descriptor);
      if (nlink > 0 && size > this.#bytes && this.#endsHalf(size)) this.#truncate(this.#bytes);
    } catch {
      // Half a line is left, as by a kill.
    }
  }

  /** Whole lines behind ours are somebody else's. */
  #endsHalf(size: number): boolean {
    const last = Buffer.alloc(1);
    readSync(this.#descriptor, last, 0, 1, size - 1);
    return last[0] !== LINE_FEED;
  }

  #truncate(bytes: number): void {
    ftruncateSync(this.#descriptor, bytes);
    this.#bytes = bytes;
  }

  #temporary(): string {
    return join(dirname(this.#target), `.${basename(this.#target)}.thinning`);
  }
}

/** Where a path leads, also when the file is yet to be made: a link to a recording stays a link. */
export function resolveFile(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path);
  return join(realpathSync(dirname(path)), basename(path));
}

function writeWhole(descriptor: number, bytes: Buffer): void {
  let written = 0;
  // A disk that fills up takes a part, and refuses the next write with its reason.
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}

export function cannotWrite(path: string, reason: string, cause?: unknown): MemtoolError {
  return new MemtoolError('MEMTOOL_CANNOT_WRITE', `${path} cannot be written: ${reason}.`, {
    hint: 'What was recorded until then is kept. Give another file with -o.',
    cause,
  });
}

function asMemtoolError(path: string, error: unknown): MemtoolError {
  if (error instanceof MemtoolError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG')
    return cannotWrite(path, error instanceof Error ? error.message : String(error), error);
  const reason = code === 'ENOSPC' ? 'the disk is full' : 'it would be larger than this user may make it';
  return new MemtoolError('MEMTOOL_CANNOT_WRITE', `${path} cannot be written: ${reason}.`, {
    hint: 'What was recorded until then is kept. Make room and give the same command again: the recording goes on; --max-size keeps it smaller.',
    cause: error,
  });
}
