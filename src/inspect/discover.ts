import { existsSync, readdirSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { checkSocketDirectory, parseSocketName, socketPath } from '../protocol.ts';
import { processName } from './command-line.ts';
import { discoverElsewhere } from './elsewhere.ts';
import { isAlive, type Life } from './liveness.ts';
import { hasSocket } from './pinned.ts';
import type { Place } from './place.ts';

/** A process with an agent, found by its socket. */
export interface AgentTarget extends Life {
  /** Of its script; the agent knows better ones. */
  name: string;
  /** Of its socket. */
  path: string;
  /** Where that is to be looked up when it is not in our own directory. */
  place?: Place;
}

const PROBE_TIMEOUT_MS = 200;
const VANISH_POLL_MS = 5;

/**
 * The processes that have an agent, by pid: in our directory, in containers, and for root everybody's.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when our directory cannot be trusted.
 */
export async function discoverAll(directory: string): Promise<AgentTarget[]> {
  const here = await discover(directory);
  const elsewhere = discoverElsewhere(directory, new Set(here.map(({ pid }) => pid)));
  return [...here, ...elsewhere].toSorted((a, b) => a.pid - b.pid);
}

/**
 * Those that have their socket in our directory. A socket whose process is gone, or whose pid now belongs to another process, is
 * removed: an agent that was killed could not do it itself.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when the directory cannot be trusted.
 */
export async function discover(directory: string): Promise<AgentTarget[]> {
  if (!checkSocketDirectory(directory)) return [];
  const found: AgentTarget[] = [];
  for (const entry of readdirSync(directory)) {
    const life = parseSocketName(entry);
    if (!life) continue;
    const path = socketPath(directory, entry);
    if (isAlive(life)) found.push({ ...life, path, name: processName(life.pid) });
    else await removeStale(path);
  }
  return found.toSorted((a, b) => a.pid - b.pid);
}

/**
 * A process of another pid namespace that shares the directory (a container) is not in our /proc although it lives: only
 * a socket on which nobody listens is removed.
 */
async function removeStale(path: string): Promise<void> {
  if (await isListening(path)) return;
  try {
    unlinkSync(path);
  } catch {
    // Another memtool was faster.
  }
}

/** Waits until an agent that was told to go has taken its socket away, or time is over. */
export async function vanishesSocket(target: AgentTarget, timeoutMs: number): Promise<void> {
  const { path, place } = target;
  const until = performance.now() + timeoutMs;
  const isThere = (): boolean => (place ? hasSocket(target, place) : existsSync(path));
  while (isThere() && performance.now() < until) await sleep(VANISH_POLL_MS);
}

/** Whether anybody answers on the socket. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: PROBE_TIMEOUT_MS });
    const answer = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      answer(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
