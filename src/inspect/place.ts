import { readFileSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { socketDirectory, socketName } from '../protocol.ts';
import type { Life } from './liveness.ts';
import { innermostPid, sharesView, startTimesInside, uidInside } from './namespaces.ts';

/** Where the agent of a process has its socket when that is not in our directory: in a container, or another user's. */
export interface Place {
  /** Absolute, as the process itself sees it. */
  directory: string;
  /** What the socket may be called; more than one only in a time namespace. */
  socketNames: string[];
  pidInside: number;
  /** Whose the directory and the socket must be. */
  uid: number;
  /** It sees the files that we see. */
  isInView: boolean;
}

/** What the process was started with decides; by default node's own idea of where temporary files go. */
const TEMPORARY = ['TMPDIR', 'TMP', 'TEMP'];
const TEMPORARY_DEFAULT = '/tmp';

/** @returns `undefined` when the process is gone, is not ours to ask, or names a directory relative to one that only it knows. */
export function placeOf({ pid, startTime }: Life): Place | undefined {
  let status: string;
  let environ: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
    environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return undefined;
  }
  const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? NaN);
  const inside = innermostPid(status) ?? pid;
  const directory = directoryIn(environ, uidInside(pid, uid));
  if (!isAbsolute(directory)) return undefined;
  const socketNames = startTimesInside(pid, startTime).map((time) => socketName(inside, time));
  return { directory: normalize(directory), socketNames, pidInside: inside, uid, isInView: sharesView(pid) };
}

/**
 * @param environ - Text of /proc/PID/environ
 * @param uid - As the process sees it
 */
export function directoryIn(environ: string, uid: number): string {
  const environment: NodeJS.ProcessEnv = {};
  for (const line of environ.split('\0')) {
    const end = line.indexOf('=');
    // Of two with the same name the first counts, as for getenv(3).
    if (end > 0) environment[line.slice(0, end)] ??= line.slice(end + 1);
  }
  const named = TEMPORARY.map((name) => environment[name]).find((value) => value);
  return socketDirectory(environment, uid, named ?? TEMPORARY_DEFAULT);
}

/** A path that leads there from here, for people to read: programs go through `pinSocket`, since others may move what it names. */
export function pathFromHere(pid: number, { directory, isInView }: Place, name: string): string {
  return isInView ? join(directory, name) : `/proc/${pid}/root${join(directory, name)}`;
}
