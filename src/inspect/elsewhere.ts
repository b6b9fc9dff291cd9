/**
 * Agents whose socket is not in our own directory, because their process sees other files (a container), belongs to
 * another user (we are root), or was told another directory. As jcmd does, they are looked for through the process.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, normalize } from 'node:path';
import { MemtoolError } from '../errors.ts';
import { parseSocketName, processStartTime, socketDirectory } from '../protocol.ts';
import { processName } from './command-line.ts';
import type { AgentTarget } from './discover.ts';
import type { Life } from './liveness.ts';
import { sharesView } from './namespaces.ts';
import { pinnedFailure, pinSocket } from './pinned.ts';
import { directoryIn, pathFromHere, placeOf, type Place } from './place.ts';
import { listNodePids } from './processes.ts';

/**
 * Node processes with an agent elsewhere, of ours, or for root everybody's. Where MEMTOOL_DIR names a directory for us, only
 * those that have theirs in one of the same name.
 *
 * Of 238 processes, 27 of them Node's, it takes 7 to 9 ms, half of that to tell which are; of 90 with one, 2 ms.
 *
 * @param known - Have an agent in our directory.
 */
export function discoverElsewhere(directory: string, known: ReadonlySet<number>): AgentTarget[] {
  const isNamed = directory !== socketDirectory({ ...process.env, MEMTOOL_DIR: undefined });
  return listNodePids()
    .filter((pid) => !known.has(pid) && !isListedHere(pid, directory))
    .map((pid): AgentTarget | undefined => {
      const life = lifeOf(pid);
      const place = life && placeOf(life);
      return place && (!isNamed || place.directory === directory) ? agentAt(life, place) : undefined;
    })
    .filter((found) => found !== undefined);
}

/**
 * The agent of one process, wherever it is and whatever its program is called.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when there is something that cannot be trusted.
 */
export function findElsewhere(pid: number): AgentTarget | undefined {
  const life = lifeOf(pid);
  const place = life && placeOf(life);
  return place && targetAt(life, place);
}

/** Why the agent of a process failed that would have its socket elsewhere. */
export function failureElsewhere(pid: number): string | undefined {
  const life = lifeOf(pid);
  const place = life && placeOf(life);
  return place && pinnedFailure(life, place);
}

/** @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` */
export function targetAt(life: Life, place: Place): AgentTarget | undefined {
  const socket = pinSocket(life, place);
  if (socket === undefined) return undefined;
  socket.close();
  const { pid, startTime } = life;
  return { pid, startTime, name: processName(pid), path: pathFromHere(pid, place, socket.name), place };
}

/** The place of a socket that the process itself names, which may be another than it was started with. */
export function placeNamed(place: Place, path: string): Place | undefined {
  const name = basename(path);
  if (!isAbsolute(path) || parseSocketName(name)?.pid !== place.pidInside) return undefined;
  return { ...place, directory: normalize(dirname(path)), socketNames: [name] };
}

function agentAt(life: Life, place: Place): AgentTarget | undefined {
  try {
    return targetAt(life, place);
  } catch (error) {
    // One directory that cannot be trusted must not hide everybody else's agents.
    if (error instanceof MemtoolError) return undefined;
    throw error;
  }
}

/** Whether an agent of it would have its socket in our directory: so with most, which is why it is asked first. */
function isListedHere(pid: number, directory: string): boolean {
  try {
    const uid = process.getuid?.();
    // Of whom the directory in /proc is, that the process is, unless it may not be looked into either.
    if (uid === undefined || statSync(`/proc/${pid}`).uid !== uid || !sharesView(pid)) return false;
    return directoryIn(readFileSync(`/proc/${pid}/environ`, 'utf8'), uid) === directory;
  } catch {
    return true;
  }
}

function lifeOf(pid: number): Life | undefined {
  const startTime = processStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}
