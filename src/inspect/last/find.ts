import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { readContents, type BoxContents } from '../../black-box/contents.ts';
import { listBoxes, pruneBoxes, type FoundBox } from '../../black-box/keep.ts';
import { FILE_BYTES } from '../../black-box/layout.ts';
import { MemtoolError } from '../../errors.ts';
import { checkSocketDirectory, parseBlackBoxName } from '../../protocol.ts';
import { isListening } from '../discover.ts';
import { isAlive, type Life } from '../liveness.ts';

/** A black box that was read. */
export interface Box extends Life {
  path: string;
  /** When it was last written to. */
  writtenAtMs: number;
  isAlive: boolean;
  contents: BoxContents;
}

/** One that cannot be read, and why. */
export interface BadBox extends Life {
  path: string;
  error: MemtoolError;
}

export type AnyBox = Box | BadBox;

/** A named pipe in its place would have us wait for a writer. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * The black boxes of the directory, newest first; what is too old or too many is removed.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when the directory cannot be trusted
 */
export async function findBoxes(directory: string): Promise<AnyBox[]> {
  if (!checkSocketDirectory(directory)) return [];
  pruneBoxes(directory);
  const boxes = await Promise.all(listBoxes(directory).map(openBox));
  return boxes.filter((box) => box !== undefined);
}

/**
 * One that was copied from somewhere, by its path.
 *
 * @throws MemtoolError `MEMTOOL_NO_BLACK_BOX`, `MEMTOOL_BAD_BLACK_BOX`
 */
export function readCopiedBox(path: string): Box {
  const { bytes, writtenAtMs } = readFile(path);
  const contents = readContents(bytes, path);
  const { pid, startTime } = contents.head ?? parseBlackBoxName(basename(path)) ?? { pid: 0, startTime: '0' };
  return { path, pid, startTime, writtenAtMs, isAlive: false, contents };
}

/** The pid is a part of its name; a name a part of its manager's or its script's. */
export function isNamed(box: AnyBox, target: string): boolean {
  if (/^\d+$/.test(target)) return box.pid === Number(target);
  if (!('contents' in box)) return false;
  const { head } = box.contents;
  return head !== null && (head.name.includes(target) || head.scriptName.includes(target));
}

async function openBox({ path, pid, startTime }: FoundBox): Promise<AnyBox | undefined> {
  // Looked at before it is read: one that ends in between is seen to have ended.
  const alive = isAlive({ pid, startTime }) || (await isListening(path.replace(/\.last$/, '.sock')));
  try {
    const { bytes, writtenAtMs } = readFile(path);
    return { path, pid, startTime, writtenAtMs, isAlive: alive, contents: readContents(bytes, path) };
  } catch (error) {
    // A clean exit takes it away.
    if (!existsSync(path)) return undefined;
    if (error instanceof MemtoolError) return { path, pid, startTime, error };
    throw error;
  }
}

function readFile(path: string): { bytes: Buffer; writtenAtMs: number } {
  let file: number;
  try {
    file = openSync(path, READ);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    const stat = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(stat.size, FILE_BYTES));
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return { bytes: bytes.subarray(0, length), writtenAtMs: stat.mtimeMs };
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    closeSync(file);
  }
}

function unreadable(path: string, cause: unknown): MemtoolError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MemtoolError('MEMTOOL_NO_BLACK_BOX', `${path} cannot be read: ${reason}.`, {
    hint: '`memtool last` lists the black boxes that are there.',
    cause,
  });
}
