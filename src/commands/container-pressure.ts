import { containerMemory, type ContainerMemory } from '../inspect/container.ts';
import { levelAt, worstLevel } from '../report/level.ts';
import type { ProcessPressure, Resource } from '../report/pressure.ts';
import { formatBytes, formatPercent } from '../units.ts';

/** Waiting for memory for this share of the time is felt. */
const STALL_PERCENT_MAX = 10;
/** What a heap may take of a container, so that buffers, stacks and code have room beside it. */
const HEAP_SHARE = 0.75;

/** Adds what the process' container is limited by, and what follows from it. */
export function addContainer(found: ProcessPressure): ProcessPressure {
  const memory = containerMemory(found.pid);
  if (memory === undefined) return found;
  const resources = [...found.resources, asResource(memory)];
  const warnings = [...(found.warnings ?? []), ...warningsOf(memory, heapLimitOf(found))];
  return { ...found, level: worstLevel(resources), resources, ...(warnings.length === 0 ? {} : { warnings }) };
}

function heapLimitOf({ resources }: ProcessPressure): number | null {
  return resources.find(({ kind }) => kind === 'heap')?.limitBytes ?? null;
}

function asResource({ name, usedBytes, limitBytes }: ContainerMemory): Resource {
  const usedPercent = (usedBytes / limitBytes) * 100;
  return {
    kind: 'container',
    manager: null,
    name,
    usedBytes,
    limitBytes,
    usedPercent,
    level: levelAt(usedPercent),
    bytesPerMinute: null,
    secondsToLimit: null,
  };
}

/** Each says what is wrong, and what to do. */
export function warningsOf(
  { limitBytes, oomKills, stallPercent }: ContainerMemory,
  heapLimitBytes: number | null,
): string[] {
  const warnings: string[] = [];
  if (heapLimitBytes !== null && heapLimitBytes > limitBytes) {
    const fitting = Math.floor((limitBytes * HEAP_SHARE) / 1024 ** 2);
    warnings.push(
      `The V8 heap may grow to ${formatBytes(heapLimitBytes)}, but the container holds only ${formatBytes(limitBytes)}: the kernel would kill the process before V8 tries hard to collect. Start it with --max-old-space-size=${fitting}.`,
    );
  }
  if (oomKills > 0) {
    const times = oomKills === 1 ? 'once' : `${oomKills} times`;
    warnings.push(`The kernel has killed a process of this container ${times} for want of memory.`);
  }
  if (stallPercent !== null && stallPercent >= STALL_PERCENT_MAX) {
    warnings.push(
      `Processes of this container waited for memory for ${formatPercent(stallPercent)} of the last ten seconds: the container is too small for what runs in it.`,
    );
  }
  return warnings;
}
