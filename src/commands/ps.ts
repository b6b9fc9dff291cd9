import { setTimeout as sleep } from 'node:timers/promises';
import { attachability } from '../inspect/attach/proof.ts';
import { askHealth } from '../inspect/client.ts';
import { discoverAll, type AgentTarget } from '../inspect/discover.ts';
import { failureElsewhere } from '../inspect/elsewhere.ts';
import { readFailures } from '../inspect/failures.ts';
import { listNodeProcesses, readProcess } from '../inspect/processes.ts';
import { readUsage } from '../inspect/usage.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import type { ProcessesReport, ProcessListing } from '../report/processes.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { reported } from './failure.ts';
import { show } from './show.ts';

/** The system counts CPU time in hundredths of a second: over less than this a percentage says nothing. */
const CPU_WINDOW_MS = 250;

/** `memtool ps` */
export function ps(context: Context): Promise<number> {
  return show<ProcessesReport>(
    {
      collect: () => collect(context),
      load: async () => (await import('../render/processes.ts')).renderProcesses,
      exitCode: () => EXIT_NOTHING,
    },
    context,
  );
}

async function collect(context: Context): Promise<ProcessesReport> {
  const agents = await discoverAll(context.directory);
  const withAgent = new Set(agents.map(({ pid }) => pid));
  const others = listNodeProcesses().filter(({ pid }) => !withAgent.has(pid));
  const pids = [...withAgent, ...others.map(({ pid }) => pid)];
  const first = await readUsage(pids);
  const [known] = await Promise.all([
    Promise.all(agents.map((agent) => listed(agent, context.timeoutMs))),
    sleep(CPU_WINDOW_MS),
  ]);
  const usage = pids.length > 0 && first.size > 0 ? await readUsage(pids) : first;
  const failures = readFailures(context.directory);
  const bare = others.map((found): ProcessListing => {
    const { attachable, reason: usual } = attachability(found);
    const failure = failures.get(found.pid) ?? failureElsewhere(found.pid);
    const reason = failure === undefined ? usual : `its agent failed: ${failure}`;
    return {
      ...identity(found.pid, found.name, found.uptimeSeconds),
      agent: false,
      attachable,
      reason,
      cpuPercent: null,
      rssBytes: found.rssBytes,
      pools: 0,
    };
  });
  const processes = [...known, ...bare].map((listing) => ({
    ...listing,
    cpuPercent: usage.get(listing.pid)?.cpuPercent ?? null,
    rssBytes: usage.get(listing.pid)?.rssBytes ?? listing.rssBytes,
  }));
  return { schemaVersion: SCHEMA_VERSION, command: 'ps', processes };
}

/** An agent that does not answer is listed with what it failed with: this is where one looks for the reason. */
async function listed(agent: AgentTarget, timeoutMs: number): Promise<ProcessListing> {
  try {
    const { pid, pidInside, name, nodeVersion, uptimeSeconds, sampledAt, pools } = await askHealth(agent, timeoutMs);
    return {
      pid,
      ...(pidInside === undefined ? {} : { pidInside }),
      name,
      nodeVersion,
      uptimeSeconds,
      sampledAt,
      agent: true,
      attachable: false,
      cpuPercent: null,
      rssBytes: null,
      pools,
    };
  } catch (error) {
    const { code, message } = reported(error);
    const found = readProcess(agent.pid);
    return {
      ...identity(agent.pid, agent.name, found?.uptimeSeconds ?? 0),
      agent: code !== 'MEMTOOL_AGENT_FAILED',
      attachable: false,
      reason: message,
      cpuPercent: null,
      rssBytes: found?.rssBytes ?? null,
      pools: 0,
    };
  }
}

function identity(
  pid: number,
  name: string,
  uptimeSeconds: number,
): Pick<ProcessListing, 'pid' | 'name' | 'nodeVersion' | 'uptimeSeconds' | 'sampledAt'> {
  return { pid, name, nodeVersion: null, uptimeSeconds, sampledAt: new Date().toISOString() };
}
