import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError } from '../errors.ts';
import type { Activity, Examined, NoAgent } from '../doctor/examined.ts';
import { attachability, restartCommand } from '../inspect/attach/proof.ts';
import { askLeaks, askPressure, askStats } from '../inspect/client.ts';
import { containerMemory } from '../inspect/container.ts';
import type { AgentTarget } from '../inspect/discover.ts';
import { failureElsewhere } from '../inspect/elsewhere.ts';
import { readFailures } from '../inspect/failures.ts';
import type { BareTarget, Target } from '../inspect/open.ts';
import { readProcess } from '../inspect/processes.ts';
import { readMainThread, readSystemFigures } from '../inspect/system-figures.ts';
import type { ProcessLeaks } from '../report/leaks.ts';
import type { ProcessStats } from '../report/stats.ts';
import { SCOPES_LISTED_MAX } from '../report/scopes.ts';
import { bareStats, barePressure } from './bare-report.ts';
import type { EndedProcesses } from './ended-processes.ts';
import { ResidentMaps } from './resident-maps.ts';

export interface Examination {
  /** Where the sockets are. */
  directory: string;
  ageSeconds: number;
  pauseSecondsMax: number;
  timeoutMs: number;
}

/** For so long the main thread is watched: shorter, and one collection or one request would say too much. */
export const WATCH_MS = 2000;
/** For so long collections are counted. */
const GC_SECONDS = 10;
/** Of a heap that has not been watched for as long as was asked for, what can be told is told from so much of the watch. */
const AGE_PER_WATCH = 1 / 3;
/** With less, nothing is told of it. */
const WATCH_SECONDS_MIN = 15;

/** An agent that has these is no use; what the system says is told all the same. */
const AGENT_TROUBLES: readonly string[] = ['MEMTOOL_TIMEOUT', 'MEMTOOL_AGENT_FAILED', 'MEMTOOL_BAD_ANSWER'];

/** Asks for all that there is to know of a process. */
export async function examine(target: Target, asked: Examination, past: EndedProcesses): Promise<Examined> {
  if (target.kind === 'bare') return examineBare(target, asked, past);
  try {
    return await examineAgent(target.agent, asked, past);
  } catch (error) {
    const found = readProcess(target.agent.pid);
    if (!(error instanceof MemtoolError) || !AGENT_TROUBLES.includes(error.code) || !found) throw error;
    const problem = { message: error.message, hint: error.hint };
    return examineBare({ kind: 'bare', process: found, problem }, asked, past, error.code);
  }
}

async function examineAgent(agent: AgentTarget, asked: Examination, past: EndedProcesses): Promise<Examined> {
  const { pid } = agent;
  const { timeoutMs, ageSeconds } = asked;
  const watched = await watchMainThread(agent, timeoutMs);
  const pressure = await askPressure(agent, timeoutMs);
  const leaks = await leaksOf(agent, asked);
  // After the collection that the reading was: what is left then lives.
  const stats = await statsOf(agent, timeoutMs);
  const resident = new ResidentMaps().read(stats, true);
  return {
    stats: {
      ...stats,
      ...(resident ? { resident } : {}),
      // What it could not tell at either look.
      ...(watched.silence === undefined ? {} : { unavailable: { ...stats.unavailable, heap: watched.silence } }),
    },
    pressure,
    leaks,
    ageSeconds,
    activity: watched.activity,
    noAgent: null,
    history: past.historyOf(pid),
    ...outside(pid, stats, past),
  };
}

function statsOf(agent: AgentTarget, timeoutMs: number): Promise<ProcessStats> {
  return askStats(agent, timeoutMs, { count: SCOPES_LISTED_MAX, sort: 'age' });
}

interface Watched {
  activity: Activity | null;
  /** Why the main thread could not be asked. */
  silence: string | undefined;
}

/** Two looks, and what happened in between. */
async function watchMainThread(agent: AgentTarget, timeoutMs: number): Promise<Watched> {
  const count = { workers: false, gcSeconds: GC_SECONDS };
  const ask = (): Promise<ProcessStats> => askStats(agent, timeoutMs, { count: 1, sort: 'age' }, count);
  const first = await ask();
  const before = readMainThread(agent.pid);
  await sleep(WATCH_MS);
  const after = readMainThread(agent.pid);
  const second = await ask();
  const silence = second.unavailable?.['heap'];
  if (!before || !after) return { activity: null, silence };
  const seconds = after.atSeconds - before.atSeconds;
  return {
    activity: {
      seconds,
      busyPercent: Math.min(100, ((after.runnableSeconds - before.runnableSeconds) / seconds) * 100),
      sleeps: after.sleeps - before.sleeps,
      gcPauseMs: first.gc && second.gc ? Math.max(0, second.gc.pauseMs - first.gc.pauseMs) : null,
    },
    silence,
  };
}

/** Pools by the age that was asked for; of the heap also what can be told earlier. */
async function leaksOf(
  agent: AgentTarget,
  { ageSeconds, pauseSecondsMax, timeoutMs }: Examination,
): Promise<ProcessLeaks> {
  const found = await askLeaks(agent, timeoutMs, ageSeconds, pauseSecondsMax);
  const watched = found.heap?.watchedSeconds ?? 0;
  if (found.heap === undefined || watched > ageSeconds || watched < WATCH_SECONDS_MIN) return found;
  const sooner = await askLeaks(agent, timeoutMs, Math.floor(watched * AGE_PER_WATCH), pauseSecondsMax);
  return {
    ...found,
    leaks: [
      ...found.leaks.filter(({ source }) => source === 'pool'),
      ...sooner.leaks.filter(({ source }) => source !== 'pool'),
    ],
  };
}

function examineBare(target: BareTarget, asked: Examination, past: EndedProcesses, trouble?: string): Examined {
  const { ageSeconds, directory } = asked;
  const stats = bareStats(target);
  const resident = new ResidentMaps().read(stats, target.process.isNode);
  return {
    stats: { ...stats, ...(resident ? { resident } : {}) },
    pressure: barePressure(target),
    leaks: null,
    ageSeconds,
    activity: null,
    noAgent: whyNot(target, stats, trouble, directory),
    history: null,
    ...outside(stats.pid, stats, past),
  };
}

/** What is told without asking the process. */
function outside(pid: number, { name }: ProcessStats, past: EndedProcesses) {
  return {
    container: containerMemory(pid) ?? null,
    system: readSystemFigures(pid) ?? null,
    predecessors: past.predecessors(name),
  };
}

/** @param trouble - Code of what its agent failed with, if it has one */
function whyNot(
  { process: found, problem }: BareTarget,
  stats: ProcessStats,
  trouble: string | undefined,
  directory: string,
): NoAgent {
  const failure = readFailures(directory).get(found.pid) ?? failureElsewhere(found.pid);
  return {
    isNode: found.isNode,
    failed: trouble !== undefined || failure !== undefined,
    isSilent: trouble === 'MEMTOOL_TIMEOUT',
    // Where attaching was tried, it failed; where there is an agent, another one cannot be started.
    attachable: problem === undefined && attachability(found).attachable,
    reason: failure ?? stats.unavailable?.['pools'] ?? '',
    restartCommand: restartCommand(found).replaceAll('`', ''),
  };
}
