import { MemtoolError } from '../errors.ts';
import { processName } from './command-line.ts';
import { askHealth } from './client.ts';
import { discover, type AgentTarget } from './discover.ts';
import { pidExists } from './liveness.ts';
import { listNodeProcesses, readProcess, type OsProcess } from './processes.ts';

/** What a command may work on: a process with an agent, or one of which only the system can tell something. */
export type Target = { kind: 'agent'; agent: AgentTarget } | { kind: 'bare'; process: OsProcess };

export interface OpenOptions {
  /** Where the sockets are. */
  directory: string;
  timeoutMs: number;
}

/**
 * The processes a target names: all digits is a pid; anything else is a part of a manager's name, or else of a script's
 * file name; `all` or nothing is every process with an agent, and may be an empty list.
 *
 * @throws MemtoolError `MEMTOOL_NO_PROCESS` when it names none, `MEMTOOL_USAGE` when it is empty.
 */
export async function open(target: string | undefined, options: OpenOptions): Promise<Target[]> {
  if (target?.trim() === '') {
    // Every name has the empty one in it, and `memtool cleanup "$PID"` must not mean every process when PID is not set.
    throw new MemtoolError('MEMTOOL_USAGE', 'The target is empty.', {
      hint: 'Give a pid or a part of a name; `memtool ps` lists what there is.',
    });
  }
  const agents = await discover(options.directory);
  if (target === undefined || target === 'all') return agents.map(asTarget);
  if (/^\d+$/.test(target)) return [byPid(Number(target), agents)];
  return (await byName(target, agents, options.timeoutMs)).map(asTarget);
}

function asTarget(agent: AgentTarget): Target {
  return { kind: 'agent', agent };
}

function byPid(pid: number, agents: AgentTarget[]): Target {
  const agent = agents.find((candidate) => candidate.pid === pid);
  if (agent) return asTarget(agent);
  const found = readProcess(pid);
  if (found) return { kind: 'bare', process: found };
  // Without /proc nothing more than that it exists can be known here.
  if (process.platform !== 'linux' && Number.isSafeInteger(pid) && pidExists(pid))
    return { kind: 'bare', process: unreadable(pid) };
  throw new MemtoolError('MEMTOOL_NO_PROCESS', `There is no process ${pid}.`, {
    hint: 'Run `memtool ps` to see which processes there are.',
  });
}

async function byName(part: string, agents: AgentTarget[], timeoutMs: number): Promise<AgentTarget[]> {
  const named = await Promise.all(
    agents.map(async (agent) => {
      // One that does not answer can still be found by its script.
      const health = await askHealth(agent, timeoutMs).catch(() => undefined);
      return { agent, managers: health?.managers ?? [], scripts: [agent.name, health?.name ?? ''] };
    }),
  );
  const byManager = named.filter(({ managers }) => managers.some((name) => name.includes(part)));
  const found =
    byManager.length > 0 ? byManager : named.filter(({ scripts }) => scripts.some((name) => name.includes(part)));
  if (found.length > 0) return found.map(({ agent }) => agent);
  throw noneNamed(part, agents);
}

function noneNamed(part: string, agents: AgentTarget[]): MemtoolError {
  const withAgent = new Set(agents.map(({ pid }) => pid));
  const bare = listNodeProcesses().find(({ pid, name }) => name.includes(part) && !withAgent.has(pid));
  return new MemtoolError('MEMTOOL_NO_PROCESS', `No process with an agent has "${part}" in its name.`, {
    hint: bare
      ? `${bare.pid} (${bare.name}) has no agent: restart it with \`memtool run ${bare.script ?? 'app.js'}\`.`
      : 'Run `memtool ps` to see which processes there are; names are case-sensitive.',
  });
}

function unreadable(pid: number): OsProcess {
  return {
    pid,
    startTime: '0',
    name: processName(pid),
    script: undefined,
    isNode: false,
    isOurs: false,
    handlesSigusr1: false,
    uptimeSeconds: 0,
    rssBytes: null,
  };
}
