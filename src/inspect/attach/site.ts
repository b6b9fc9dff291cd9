import { existsSync } from 'node:fs';
import { ensureSocketDirectory, socketName, socketPath } from '../../protocol.ts';
import type { AgentTarget } from '../discover.ts';
import { placeNamed, targetAt } from '../elsewhere.ts';
import { readFailures } from '../failures.ts';
import { sharesView } from '../namespaces.ts';
import { checkCreatable, pinnedFailure } from '../pinned.ts';
import { placeOf } from '../place.ts';
import type { Proven } from './proof.ts';

/** Where the agent that is sent into a process puts its socket, and how we see that it has. */
export interface Site {
  /** As the process sees it. */
  directory: string;
  /** Before anything is sent. @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` */
  prepare(): void;
  /** @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` */
  find(): AgentTarget | undefined;
  /** The agent that the process says it has. */
  findNamed(path: string): AgentTarget | undefined;
  /** Why the agent failed. */
  failure(): string | undefined;
}

/**
 * Our directory when the process is ours and sees the same files; else the one where it would put the socket of an agent of
 * its own: there it may make one, and its user finds it too.
 *
 * @returns `undefined` when that cannot be told
 */
export function siteOf(target: Proven, ourDirectory: string): Site | undefined {
  return target.isOurs && sharesView(target.pid) ? ourSite(target, ourDirectory) : siteInside(target);
}

function ourSite({ pid, startTime, name, pidInside }: Proven, directory: string): Site {
  const path = socketPath(directory, socketName(pidInside, startTime));
  const agentAt = (socket: string): AgentTarget => ({ pid, startTime, name, path: socket });
  return {
    directory,
    prepare: () => ensureSocketDirectory(directory),
    find: () => (existsSync(path) ? agentAt(path) : undefined),
    findNamed: agentAt,
    failure: () => readFailures(directory).get(pid),
  };
}

function siteInside(target: Proven): Site | undefined {
  const place = placeOf(target);
  if (place === undefined) return undefined;
  return {
    directory: place.directory,
    prepare: () => checkCreatable(target, place),
    find: () => targetAt(target, place),
    findNamed: (path) => {
      const named = placeNamed(place, path);
      return named && targetAt(target, named);
    },
    failure: () => pinnedFailure(target, place),
  };
}
