import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import type { Injection } from '../../protocol.ts';

/** What the first question finds out of the process; nothing is changed by it. */
export interface Introduction {
  pid: number;
  version: string;
  /** Whether it has what the agent needs. */
  isUsable: boolean;
  /** Of an agent that runs there already. */
  socketPath: string | null;
}

/** In words that every Node.js since version 8 understands. */
export const INTRODUCTION = `(function () {
  var agent = globalThis[Symbol.for('memtool.agent')];
  return { pid: process.pid, version: process.version, isUsable: typeof process.getBuiltinModule === 'function',
    socketPath: agent && agent.socketPath ? String(agent.socketPath) : null };
})()`;

/** Closes the inspector that we have had it open. */
export const CLOSING = `require('inspector').close()`;

/**
 * Starts the agent and closes the inspector behind itself, whatever became of the agent: all in one evaluation, so that who
 * asked for it may die the next moment.
 */
export function injection(
  bundles: URL,
  pidInside: number,
  options: Omit<Injection, 'workerSource'>,
  closes: boolean,
): string {
  const main = readFileSync(new URL('injected-main.js', bundles), 'utf8');
  // Packed, it is a third: what is evaluated is garbage in the process afterwards, and in the inspector's hands twice its size.
  const workerSource = deflateRawSync(readFileSync(new URL('agent-worker.cjs', bundles))).toString('base64');
  return `(function (require) {
  if (process.pid !== ${pidInside}) return;
  try { ${main}; memtoolInjected.startAgent(${JSON.stringify({ ...options, workerSource })}); }
  finally { ${closes ? "require('node:inspector').close();" : ''} }
})(process.getBuiltinModule)`;
}

export function isIntroduction(value: unknown): value is Introduction {
  if (typeof value !== 'object' || value === null) return false;
  if (!('pid' in value && 'isUsable' in value && 'socketPath' in value)) return false;
  return value.socketPath === null || typeof value.socketPath === 'string';
}
