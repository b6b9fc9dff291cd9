import { randomUUID } from 'node:crypto';
import { lstat, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MemtoolError } from '../errors.ts';

const NAME_LENGTH_MAX = 80;

/** What a file for a process of this name may be called: it stays in its directory whatever the process is called. */
export function fileStem(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, NAME_LENGTH_MAX);
  const stem = safe.replace(/^[._-]+|_+$/g, '');
  return stem === '' ? 'node' : stem;
}

/** Every option that forgets its value takes the next one for it. */
export function checkName(output: string): void {
  if (output !== '' && !output.startsWith('-')) return;
  throw new MemtoolError('MEMTOOL_USAGE', `-o is ${JSON.stringify(output)}, which is no name of a file.`, {
    hint: 'Give a file; one whose name begins with a dash is written ./-name.',
  });
}

/** A file that is there with all of its content or not at all. */
export class OutputFile {
  readonly #path: string;
  readonly #overwrite: boolean;

  constructor(path: string, overwrite: boolean) {
    this.#path = path;
    this.#overwrite = overwrite;
  }

  /**
   * Before the work whose outcome goes there.
   *
   * @throws MemtoolError `MEMTOOL_FILE_EXISTS`, `MEMTOOL_CANNOT_WRITE`
   */
  async check(): Promise<void> {
    await this.#place();
  }

  /** @throws MemtoolError as `check` does; nothing is left of what was written until then. */
  async write(content: Uint8Array): Promise<void> {
    const { path, isDevice } = await this.#place();
    if (isDevice) return this.#try(writeFile(path, content));
    const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomUUID()}.tmp`);
    try {
      await this.#try(writeFile(temporary, content, { flag: 'wx' }));
      // Somebody may have been faster.
      await this.#place();
      await this.#try(rename(temporary, path));
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  /** Where it leads, and whether that is written to as it is: /dev/null and pipes must not be replaced by a file. */
  async #place(): Promise<{ path: string; isDevice: boolean }> {
    const found = await this.#try(stat(this.#path), null);
    if (found === null) {
      const isDangling = (await this.#try(lstat(this.#path), null)) !== null;
      if (isDangling) throw this.#cannot('it is a link to a file that does not exist');
      const folder = await this.#try(stat(dirname(this.#path)));
      if (!folder.isDirectory()) throw this.#cannot(`${dirname(this.#path)} is no directory`);
      return { path: this.#path, isDevice: false };
    }
    if (found.isDirectory()) throw this.#cannot('it is a directory');
    if (!found.isFile()) return { path: this.#path, isDevice: true };
    if (!this.#overwrite) throw exists(this.#path);
    return { path: await this.#try(realpath(this.#path)), isDevice: false };
  }

  /** @param absent - what it gives when there is no such file */
  async #try<Value, Absent = never>(work: Promise<Value>, absent?: Absent): Promise<Value | Absent> {
    try {
      return await work;
    } catch (error) {
      if (absent !== undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') return absent;
      throw this.#cannot(error instanceof Error ? error.message : String(error), error);
    }
  }

  #cannot(reason: string, cause?: unknown): MemtoolError {
    return new MemtoolError('MEMTOOL_CANNOT_WRITE', `${this.#path} could not be written: ${reason}.`, {
      hint: 'Give another file with -o, or `-o -` for stdout.',
      cause,
    });
  }
}

function exists(path: string): MemtoolError {
  return new MemtoolError('MEMTOOL_FILE_EXISTS', `${path} exists already, and was left as it is.`, {
    hint: 'Give another file with -o, or overwrite it with --force.',
  });
}
