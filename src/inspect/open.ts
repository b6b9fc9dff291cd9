import { MemtoolError } from '../errors.ts';
import { processName } from './command-line.ts';
import { askHealth } from './client.ts';
import { discover, discoverAll, type AgentTarget } from './discover.ts';
import { findElsewhere } from './elsewhere.ts';
import { pidExists } from './liveness.ts';
import { IDLE_MS_DEFAULT } from '../protocol.ts';
import { listNodeProcesses, readProcess, type OsProcess } from './processes.ts';

/** What a command may work on: a process with an agent, or one of which only the system can tell something. */
export type Target =
  | { kind: 'agent'; agent: AgentTarget }
  /** `problem`: why it could not be attached to, where that was tried. */
  | { kind: 'bare'; process: OsProcess; problem?: ReportedProblem };

export type BareTarget = Extract<Target, { kind: 'bare' }>;

export interface ReportedProblem {
  message: string;
  hint: string | undefined;
}

export interface OpenOptions {
  /** Where the sockets are. */
  directory: string;
  timeoutMs: number;
  /** Whether a process that is named by its pid and has no agent is attached to. */
  attach?: boolean;
  /** It was, and has one now. */
  onAttached?: (agent: AgentTarget) => void;
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
  if (target !== undefined && /^\d+$/.test(target)) return [await byPid(Number(target), options)];
  const agents = await discoverAll(options.directory);
  if (target === undefined || target === 'all') return agents.map(asTarget);
  return (await byName(target, agents, options.timeoutMs)).map(asTarget);
}

function asTarget(agent: AgentTarget): Target {
  return { kind: 'agent', agent };
}

/**
 * The agent of one process, wherever its socket is.
 *
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when there is something that cannot be trusted
 */
export async function findAgent(pid: number, directory: string): Promise<AgentTarget | undefined> {
  const here = await discover(directory);
  return here.find((candidate) => candidate.pid === pid) ?? findElsewhere(pid);
}

async function byPid(pid: number, options: OpenOptions): Promise<Target> {
  const here = await discover(options.directory);
  const found = readProcess(pid);
  try {
    const agent = here.find((candidate) => candidate.pid === pid) ?? findElsewhere(pid);
    if (agent) return asTarget(agent);
  } catch (error) {
    if (!found) throw error;
    return { kind: 'bare', process: found, problem: problemOf(error) };
  }
  if (found) return options.attach === true ? attachTo(found, options) : { kind: 'bare', process: found };
  // Without /proc nothing more than that it exists can be known here.
  if (process.platform !== 'linux' && Number.isSafeInteger(pid) && pidExists(pid))
    return { kind: 'bare', process: unreadable(pid) };
  throw new MemtoolError('MEMTOOL_NO_PROCESS', `There is no process ${pid}.`, {
    hint: 'Run `memtool ps` to see which processes there are.',
  });
}

/** With an agent if it can be had; what the system says of the process can be told all the same. */
async function attachTo(found: OsProcess, { directory, timeoutMs, onAttached }: OpenOptions): Promise<Target> {
  const { attach } = await import('./attach/attach.ts');
  try {
    const { agent } = await attach(found.pid, { directory, timeoutMs, idleMs: IDLE_MS_DEFAULT });
    onAttached?.(agent);
    return asTarget(agent);
  } catch (error) {
    return { kind: 'bare', process: found, problem: problemOf(error) };
  }
}

/** @throws what is no reason to go on without an agent */
function problemOf(error: unknown): ReportedProblem {
  const isReason =
    error instanceof MemtoolError &&
    (error.code === 'MEMTOOL_CANNOT_ATTACH' || error.code === 'MEMTOOL_SOCKET_DIRECTORY');
  if (!isReason) throw error;
  return { message: error.message, hint: error.hint };
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
      ? `${bare.pid} (${bare.name}) has no agent. Name it by its pid to attach to it: \`memtool stats ${bare.pid}\`.`
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
    uid: -1,
    handlesSigusr1: false,
    uptimeSeconds: 0,
    rssBytes: null,
  };
}
