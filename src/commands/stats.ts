import { MemtoolError } from '../errors.ts';
import { askStats } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { ResidentMaps } from './resident-maps.ts';
import { SinceStart } from './since-start.ts';
import { listNodeProcesses } from '../inspect/processes.ts';
import { SCOPE_QUERY_DEFAULT, type ScopeQuery, type StatsExtent } from '../protocol.ts';
import { isFailure, SCHEMA_VERSION } from '../report/document.ts';
import { isScopeSort, SCOPE_SORTS, SCOPES_LISTED_MAX } from '../report/scopes.ts';
import type { ProcessStats, StatsReport } from '../report/stats.ts';
import { bareStats } from './bare-report.ts';
import { collectEach } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

export interface StatsFlags {
  scopes?: string;
  sort?: string;
}

/** What is shown of the open scopes beneath the pools when nobody asks for them. */
const SCOPES_BRIEF = 5;

/** `memtool stats [target] [--scopes [count]] [--sort used|peak|age]` */
export async function stats(target: string | undefined, flags: StatsFlags, context: Context): Promise<number> {
  const scopes = readScopes(flags, context.json ? SCOPE_QUERY_DEFAULT.count : SCOPES_BRIEF);
  const since = context.watchSeconds === undefined ? undefined : new SinceStart();
  const maps = new ResidentMaps();
  const isAsked = flags.scopes !== undefined || flags.sort !== undefined;
  return show<StatsReport>(
    {
      collect: async () => {
        const report = await collect(target, scopes, context, maps);
        since?.noteStats(report);
        return report;
      },
      load: async () => {
        const [{ renderStats }, { renderNothing }] = await Promise.all([
          import('../render/stats.ts'),
          import('../render/processes.ts'),
        ]);
        return (report, style) =>
          report.processes.length === 0
            ? renderNothing(listNodeProcesses(), style)
            : renderStats(report, style, isAsked ? scopes.sort : undefined);
      },
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    context,
  );
}

async function collect(
  target: string | undefined,
  scopes: ScopeQuery,
  context: Context,
  maps: ResidentMaps,
): Promise<StatsReport> {
  const targets = await open(target, context);
  const processes = await collectEach(targets, (one) => statsOf(one, scopes, context));
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
  const [only, second] = processes;
  if (only !== undefined && second === undefined && !isFailure(only)) {
    const resident = maps.read(only, targets[0]?.kind === 'agent' || isNode(targets[0]));
    if (resident) only.resident = resident;
  }
  return { schemaVersion: SCHEMA_VERSION, command: 'stats', processes };
}

/** Of a process without an agent, what the system says. */
export async function statsOf(
  target: Target,
  scopes: ScopeQuery,
  context: Context,
  extent?: StatsExtent,
): Promise<ProcessStats> {
  return target.kind === 'agent' ? askStats(target.agent, context.timeoutMs, scopes, extent) : bareStats(target);
}

function isNode(target: Target | undefined): boolean {
  return target?.kind === 'bare' && target.process.isNode;
}

function readScopes({ scopes, sort = SCOPE_QUERY_DEFAULT.sort }: StatsFlags, countDefault: number): ScopeQuery {
  const count = scopes === undefined ? countDefault : Number(scopes);
  if (!Number.isSafeInteger(count) || count < 1 || count > SCOPES_LISTED_MAX) {
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      `--scopes is ${scopes}: it must be a number from 1 to ${SCOPES_LISTED_MAX}.`,
      { hint: 'A pid goes before it: memtool stats 4242 --scopes.' },
    );
  }
  if (!isScopeSort(sort)) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--sort is ${JSON.stringify(sort)}.`, {
      hint: `Give one of ${Object.keys(SCOPE_SORTS).join(', ')}.`,
    });
  }
  return { count, sort };
}
