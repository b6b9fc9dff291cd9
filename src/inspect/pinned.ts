/**
 * Files of a process in a container or of another user, who may be hostile and change the tree while we look: an absolute
 * symbolic link beneath /proc/PID/root would lead into our own files, not the container's. So every step holds what it
 * has found (O_PATH), follows no link, and goes on from there; what is checked at the end is what is then connected to.
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MemtoolError } from '../errors.ts';
import { directoryProblem, failureName, parseSocketName } from '../protocol.ts';
import { FAILURE_BYTES_MAX, messageOf } from './failures.ts';
import { isAlive, type Life } from './liveness.ts';
import type { Place } from './place.ts';

/** open(2): only a hold on it, not even a permission to read. The same number wherever Node.js runs on Linux. */
const O_PATH = 0x200000;
const STEP = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A named pipe in place of the file would have us wait for a writer. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A way to one socket, whatever its name means by now. */
export interface PinnedSocket {
  /** Its name in the directory. */
  name: string;
  /** `/proc/self/fd/N`: connects, on Node 20 to 26, and is never too long for `sun_path`. */
  path: string;
  close(): void;
}

/**
 * @returns `undefined` when there is none, or it is not ours to reach.
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when what is there is not the process' own.
 */
export function pinSocket(life: Life, place: Place): PinnedSocket | undefined {
  return inDirectory(life, place, (directory) => {
    for (const name of place.socketNames) {
      const socket = hold(`${directory}/${name}`, O_PATH | constants.O_NOFOLLOW);
      if (socket === undefined) continue;
      const stat = fstatSync(socket);
      if (stat.isSocket() && stat.uid === place.uid)
        return { name, path: `/proc/self/fd/${socket}`, close: () => closeSync(socket) };
      closeSync(socket);
      throw untrusted(life, place, `its ${name} is not a socket of that user`);
    }
    return undefined;
  });
}

export function hasSocket(life: Life, place: Place): boolean {
  const socket = pinSocket(life, place);
  socket?.close();
  return socket !== undefined;
}

/** Why the agent of the process failed, where it has left its reason. */
export function pinnedFailure(life: Life, place: Place): string | undefined {
  try {
    return inDirectory(life, place, (directory) => {
      for (const socket of place.socketNames) {
        const file = hold(`${directory}/${failureName(place.pidInside, parseSocketName(socket)?.startTime)}`, READ);
        if (file === undefined) continue;
        try {
          const stat = fstatSync(file);
          if (!stat.isFile() || stat.uid !== place.uid) return undefined;
          const bytes = Buffer.alloc(FAILURE_BYTES_MAX);
          return messageOf(bytes.toString('utf8', 0, readSync(file, bytes)));
        } finally {
          closeSync(file);
        }
      }
      return undefined;
    });
  } catch {
    // What cannot be trusted has nothing to say.
    return undefined;
  }
}

/**
 * Whether the process could make its directory, as far as owners and modes tell.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY`
 */
export function checkCreatable(life: Life, place: Place): void {
  const reached = descend(life, place);
  if (reached === undefined) return;
  try {
    const { uid, mode } = fstatSync(reached.descriptor);
    if (!reached.isWhole && uid !== place.uid && place.uid !== 0 && (mode & 0o002) === 0)
      throw untrusted(life, place, `user ${place.uid}, whose process it is, cannot make it`);
  } finally {
    closeSync(reached.descriptor);
  }
}

/** @param look - Is given the directory as a path that is this very one. */
function inDirectory<Found>(
  life: Life,
  place: Place,
  look: (directory: string) => Found | undefined,
): Found | undefined {
  const reached = descend(life, place);
  if (reached === undefined) return undefined;
  try {
    if (!reached.isWhole) return undefined;
    const problem = directoryProblem(fstatSync(reached.descriptor), place.uid);
    if (problem !== undefined) throw untrusted(life, place, problem);
    return look(`/proc/self/fd/${reached.descriptor}`);
  } finally {
    closeSync(reached.descriptor);
  }
}

/** Goes down from the root of the process as far as there is something. */
function descend(life: Life, place: Place): { descriptor: number; isWhole: boolean } | undefined {
  let descriptor = hold(`/proc/${life.pid}/root`, O_PATH | constants.O_DIRECTORY);
  if (descriptor === undefined) return undefined;
  try {
    // What we hold is the root of whoever has the pid; once we have it, it no longer matters who comes next.
    const isIt = isAlive(life);
    for (const name of isIt ? linkFree(place).split('/') : []) {
      if (name === '') continue;
      const next = step(`/proc/self/fd/${descriptor}/${name}`, life, place);
      if (next === undefined) return { descriptor, isWhole: false };
      closeSync(descriptor);
      descriptor = next;
    }
    return { descriptor, isWhole: isIt };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Our own process, which sees what we see, may have links on the way: we follow what it has followed. */
function linkFree({ directory, isInView, uid }: Place): string {
  if (!isInView || uid !== process.getuid?.()) return directory;
  try {
    return join(realpathSync(dirname(directory)), basename(directory));
  } catch {
    return directory;
  }
}

function step(path: string, life: Life, place: Place): number | undefined {
  try {
    return openSync(path, STEP);
  } catch (error) {
    if (!isSystemError(error, 'ENOTDIR')) return undefined;
    throw untrusted(life, place, 'it is not a directory, or a symbolic link leads to it, which is not followed');
  }
}

function hold(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch {
    // It is not there, or not for us.
    return undefined;
  }
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function untrusted({ pid }: Life, { directory }: Place, problem: string): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_SOCKET_DIRECTORY',
    `The socket directory ${directory} of process ${pid} cannot be trusted: ${problem}.`,
    {
      hint: 'Set MEMTOOL_DIR for that process to a directory that only its user may enter, and that no symbolic link leads to.',
    },
  );
}
