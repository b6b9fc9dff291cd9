import { askStats } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { attachability, listNodeProcesses, type OsProcess } from '../inspect/processes.ts';
import { isFailure, SCHEMA_VERSION, type ProcessStats, type StatsReport } from '../report.ts';
import { collectEach } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

/** `memtool stats [target]` */
export function stats(target: string | undefined, context: Context): Promise<number> {
  return show<StatsReport>(
    {
      collect: () => collect(target, context),
      load: async () => {
        const [{ renderStats }, { renderNothing }] = await Promise.all([
          import('../render/stats.ts'),
          import('../render/processes.ts'),
        ]);
        return (report, style) =>
          report.processes.length === 0 ? renderNothing(listNodeProcesses(), style) : renderStats(report, style);
      },
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    context,
  );
}

async function collect(target: string | undefined, context: Context): Promise<StatsReport> {
  const targets = await open(target, context);
  const processes = await collectEach(targets, (one) => statsOf(one, context));
  // Between two frames the system's figures are fresher than the agent's, which are averages.
  if (context.watchSeconds !== undefined || targets.some(({ kind }) => kind === 'bare')) {
    const { readUsage } = await import('../inspect/usage.ts');
    const usage = await readUsage(processes.map(({ pid }) => pid));
    for (const found of processes) {
      if (isFailure(found)) continue;
      found.cpuPercent = usage.get(found.pid)?.cpuPercent ?? found.cpuPercent;
      found.rssBytes = usage.get(found.pid)?.rssBytes ?? found.rssBytes;
    }
  }
  return { schemaVersion: SCHEMA_VERSION, command: 'stats', processes };
}

async function statsOf(target: Target, context: Context): Promise<ProcessStats> {
  return target.kind === 'agent' ? askStats(target.agent, context.timeoutMs) : bareStats(target.process);
}

/** What the system says of a process that has no agent. */
function bareStats(found: OsProcess): ProcessStats {
  const { reason } = attachability(found);
  return {
    pid: found.pid,
    name: found.name,
    nodeVersion: null,
    uptimeSeconds: found.uptimeSeconds,
    sampledAt: new Date().toISOString(),
    cpuPercent: null,
    rssBytes: found.rssBytes,
    heapUsedBytes: null,
    heapLimitBytes: null,
    externalBytes: null,
    arrayBuffersBytes: null,
    memtoolBytes: null,
    managers: [],
    pools: [],
    scopes: [],
    unavailable: { pools: reason, heap: reason },
  };
}
