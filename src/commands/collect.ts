import { MemtoolError } from '../errors.ts';
import { attachability } from '../inspect/attach/proof.ts';
import { listNodeProcesses } from '../inspect/processes.ts';
import type { BareTarget, Target } from '../inspect/open.ts';
import type { CommandName, ProcessFailure, ProcessIdentity, Unavailable } from '../report/document.ts';
import { reported } from './failure.ts';

/** Enough to hide a slow process behind others, and no flood where there are hundreds. */
const TARGETS_AT_ONCE_MAX = 16;

/**
 * Asks every target. One that fails among several becomes a failure in the list.
 *
 * @throws What the only target failed with.
 */
export async function collectEach<Found>(
  targets: Target[],
  ask: (target: Target) => Promise<Found>,
): Promise<(Found | ProcessFailure)[]> {
  const [only, second] = targets;
  if (only && !second) return [await ask(only)];
  const results: (Found | ProcessFailure)[] = [];
  const entries = targets.entries();
  const worker = async (): Promise<void> => {
    for (const [index, target] of entries) {
      results[index] = await ask(target).catch((error: unknown) => ({ ...identify(target), error: reported(error) }));
    }
  };
  await Promise.all(Array.from({ length: TARGETS_AT_ONCE_MAX }, worker));
  return results;
}

export function identify(target: Target): { pid: number; name: string } {
  const { pid, name } = target.kind === 'agent' ? target.agent : target.process;
  return { pid, name };
}

/** For commands that need at least one process: nothing running is then a failure. */
export function nothingRunning(command: CommandName = 'stats'): MemtoolError {
  const [startable] = listNodeProcesses();
  return new MemtoolError('MEMTOOL_NO_PROCESS', 'No process with a memtool agent is running.', {
    hint: startable
      ? `Name one by its pid, for example \`memtool ${command} ${startable.pid}\` (${startable.name}): that starts an agent in it. \`memtool ps\` lists them all.`
      : 'Start a program with the agent: `memtool run app.js`. Or see an example: `memtool demo`.',
  });
}

/** For what only an agent can do. */
export function needsAgent(target: BareTarget, reason: string): MemtoolError {
  const { problem } = target;
  if (problem !== undefined) return new MemtoolError('MEMTOOL_CANNOT_ATTACH', problem.message, { hint: problem.hint });
  const { pid, name, isNode } = target.process;
  return new MemtoolError('MEMTOOL_NO_AGENT', `Process ${pid} (${name}) has no memtool agent, and ${reason}.`, {
    hint: isNode
      ? `Start one in it with \`memtool attach ${pid}\`, without a restart.`
      : `It is not a Node.js process: \`memtool stats ${pid}\` shows what the system knows.`,
  });
}

/** What the system says of a process without an agent, and why it has none. */
export function bareIdentity({ process: found, problem }: BareTarget): ProcessIdentity & { unavailable: Unavailable } {
  const reason = problem === undefined ? attachability(found).reason : [problem.message, problem.hint].join(' ').trim();
  return {
    pid: found.pid,
    name: found.name,
    nodeVersion: null,
    uptimeSeconds: found.uptimeSeconds,
    sampledAt: new Date().toISOString(),
    unavailable: { pools: reason, heap: reason },
  };
}
