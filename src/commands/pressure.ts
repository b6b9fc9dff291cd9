import { askPressure } from '../inspect/client.ts';
import { containerMemory } from '../inspect/container.ts';
import { open, type Target } from '../inspect/open.ts';
import { attachability, type OsProcess } from '../inspect/processes.ts';
import {
  worstLevel,
  isFailure,
  SCHEMA_VERSION,
  type PressureReport,
  type ProcessPressure,
  type Resource,
} from '../report.ts';
import { collectEach, nothingRunning } from './collect.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

const WARNING_PERCENT = 80;
const CRITICAL_PERCENT = 95;

/** `memtool pressure [target]` */
export function pressure(target: string | undefined, context: Context): Promise<number> {
  return show<PressureReport>(
    {
      collect: () => collect(target, context),
      load: async () => (await import('../render/pressure.ts')).renderPressure,
      exitCode: ({ level, processes }) => exitCodeOf(processes, level === 'normal' ? EXIT_NOTHING : EXIT_FINDINGS),
    },
    context,
  );
}

async function collect(target: string | undefined, context: Context): Promise<PressureReport> {
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  const processes = await collectEach(targets, (one) => pressureOf(one, context));
  const level = worstLevel(processes.flatMap((found) => (isFailure(found) ? [] : [found])));
  return { schemaVersion: SCHEMA_VERSION, command: 'pressure', level, processes };
}

async function pressureOf(target: Target, context: Context): Promise<ProcessPressure> {
  return target.kind === 'agent' ? askPressure(target.agent, context.timeoutMs) : barePressure(target.process);
}

/** Of a process without an agent only its container's limit is known. */
function barePressure(found: OsProcess): ProcessPressure {
  const { reason } = attachability(found);
  const resources = [containerMemory(found.pid)].filter((memory) => memory !== undefined).map(asResource);
  return {
    pid: found.pid,
    name: found.name,
    nodeVersion: null,
    uptimeSeconds: found.uptimeSeconds,
    sampledAt: new Date().toISOString(),
    level: worstLevel(resources),
    resources,
    unavailable: { pools: reason, heap: reason },
  };
}

function asResource({
  name,
  usedBytes,
  limitBytes,
}: {
  name: string;
  usedBytes: number;
  limitBytes: number;
}): Resource {
  const usedPercent = (usedBytes / limitBytes) * 100;
  const level = usedPercent >= CRITICAL_PERCENT ? 'critical' : usedPercent >= WARNING_PERCENT ? 'warning' : 'normal';
  return {
    kind: 'container',
    manager: null,
    name,
    usedBytes,
    limitBytes,
    usedPercent,
    level,
    bytesPerMinute: null,
    secondsToLimit: null,
  };
}
