import { closeSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkSocketDirectory, parseFailureName, type AgentFailure } from '../protocol.ts';
import { isAlive } from './liveness.ts';

/** An agent writes a few hundred bytes; whatever is longer is not its. */
export const FAILURE_BYTES_MAX: number = 16 * 1024;

/**
 * Why the agents of living processes failed, by pid: each that could leaves a file in place of its socket. Those of
 * processes that are gone are removed.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when the directory cannot be trusted.
 */
export function readFailures(directory: string): Map<number, string> {
  const failures = new Map<number, string>();
  if (!checkSocketDirectory(directory)) return failures;
  for (const entry of readdirSync(directory)) {
    const life = parseFailureName(entry);
    if (!life) continue;
    const path = join(directory, entry);
    if (!isAlive(life)) removeStale(path);
    else {
      const message = messageAt(path);
      if (message !== undefined) failures.set(life.pid, message);
    }
  }
  return failures;
}

/** @returns `undefined` of what no agent has written */
export function messageOf(text: string): string | undefined {
  try {
    const failure: Partial<AgentFailure> | null = JSON.parse(text);
    return typeof failure?.error?.message === 'string' ? failure.error.message : undefined;
  } catch {
    return undefined;
  }
}

function messageAt(path: string): string | undefined {
  try {
    return messageOf(readStart(path));
  } catch {
    // It went away with its process.
    return undefined;
  }
}

function readStart(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(FAILURE_BYTES_MAX);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, FAILURE_BYTES_MAX, 0));
  } finally {
    closeSync(file);
  }
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another memtool was faster.
  }
}
