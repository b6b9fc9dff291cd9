import type { BudgetReport, PlannedComponent, PlannedLimit, PlanSaving } from '../../report/budget.ts';
import { SCHEMA_VERSION } from '../../report/document.ts';
import { levelAt, worstLevel } from '../../report/level.ts';
import { formatBytes } from '../../units.ts';
import { allowedBytes, demandOf, halfCount, withHalfCount, withHalfUnits, type Demand } from './demand.ts';
import { bytesOf, unitsOf, type Component, type Plan } from './plan.ts';

const MIB = 1024 ** 2;

/** Measures a plan against its limits. */
export function judgePlan(plan: Plan, file: string): BudgetReport {
  const demand = demandOf(plan);
  const halvings = halvingsOf(plan);
  const limits = limitsOf(plan, demand, halvings);
  const warnings = limits.some(({ overBytes }) => overBytes > 0) ? [] : warningsOf(plan);
  return {
    schemaVersion: SCHEMA_VERSION,
    command: 'budget',
    processes: [],
    file,
    name: plan.name ?? null,
    level: worstLevel(limits),
    isOver: limits.some(({ overBytes }) => overBytes > 0),
    plannedBytes: demand.totalBytes,
    headroomBytes: demand.headroomBytes,
    components: plan.components
      .map((one) => plannedComponent(one, plan, demand, halvings))
      .toSorted((a, b) => b.bytes - a.bytes),
    counts: [...plan.counts]
      .map(([name, count]) => ({
        name,
        count,
        halfCount: halfCount(count),
        halvingSavesBytes: savedBytes('count', name, demand, halvings),
      }))
      .toSorted((a, b) => b.halvingSavesBytes - a.halvingSavesBytes),
    limits,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** What is asked for when one thing is halved. */
interface Halving {
  kind: PlanSaving['kind'];
  name: string;
  demand: Demand;
}

function halvingsOf(plan: Plan): Halving[] {
  return [
    ...[...plan.counts.keys()].map((name): Halving => ({
      kind: 'count',
      name,
      demand: demandOf(withHalfCount(plan, name)),
    })),
    ...plan.components.map((one): Halving => ({
      kind: 'component',
      name: one.name,
      demand: demandOf(withHalfUnits(plan, one)),
    })),
  ];
}

function savedBytes(kind: Halving['kind'], name: string, { totalBytes }: Demand, halvings: Halving[]): number {
  const halving = halvings.find((one) => one.kind === kind && one.name === name);
  return totalBytes - (halving?.demand.totalBytes ?? totalBytes);
}

function plannedComponent(
  component: Component,
  { counts }: Plan,
  demand: Demand,
  halvings: Halving[],
): PlannedComponent {
  const { name, count, unitBytes, per, sharedBy, pool, onHeap } = component;
  const bytes = bytesOf(component, counts);
  const counted = (one: string): { name: string; count: number } => ({ name: one, count: counts.get(one) ?? 0 });
  return {
    name,
    where: pool !== undefined ? 'pool' : onHeap ? 'heap' : 'external',
    pool: pool ?? null,
    onHeap,
    count,
    per: per.map(counted),
    sharedBy: sharedBy === undefined ? null : counted(sharedBy),
    units: unitsOf(component, counts),
    unitBytes,
    bytes,
    sharePercent: demand.totalBytes === 0 ? 0 : (bytes / demand.totalBytes) * 100,
    halvingSavesBytes: savedBytes('component', name, demand, halvings),
  };
}

/** One limit: how much of it a plan asks for. */
interface Asked {
  kind: PlannedLimit['kind'];
  name: string;
  limitBytes: number | undefined;
  usedBytes: (demand: Demand) => number;
}

function limitsOf({ limits }: Plan, demand: Demand, halvings: Halving[]): PlannedLimit[] {
  const asked: Asked[] = [
    ...[...limits.pools].map(([name, limitBytes]): Asked => ({
      kind: 'pool',
      name,
      limitBytes,
      usedBytes: ({ pools }) => pools.get(name) ?? 0,
    })),
    { kind: 'heap', name: 'heap', limitBytes: limits.heapBytes, usedBytes: ({ heapBytes }) => heapBytes },
    {
      kind: 'container',
      name: 'container',
      limitBytes: limits.containerBytes,
      usedBytes: ({ totalBytes, headroomBytes }) => totalBytes + headroomBytes,
    },
  ];
  return asked
    .filter(({ limitBytes, usedBytes }) => limitBytes !== undefined || usedBytes(demand) > 0)
    .map((one) => plannedLimit(one, demand, halvings))
    .toSorted((a, b) => (b.usedPercent ?? -1) - (a.usedPercent ?? -1));
}

function plannedLimit(asked: Asked, demand: Demand, halvings: Halving[]): PlannedLimit {
  const { kind, name, limitBytes } = asked;
  const usedBytes = asked.usedBytes(demand);
  const usedPercent = limitBytes === undefined ? null : (usedBytes / limitBytes) * 100;
  const overBytes = Math.max(0, usedBytes - (limitBytes ?? usedBytes));
  return {
    kind,
    name,
    usedBytes,
    headroomBytes: kind === 'container' ? demand.headroomBytes : 0,
    limitBytes: limitBytes ?? null,
    usedPercent,
    level: usedPercent === null ? 'normal' : levelAt(usedPercent),
    overBytes,
    bestSaving: overBytes === 0 ? null : bestSaving(asked, demand, overBytes, halvings),
  };
}

/** What saves most of this limit, of everything that can be halved. */
function bestSaving(asked: Asked, demand: Demand, overBytes: number, halvings: Halving[]): PlanSaving | null {
  let best: PlanSaving | null = null;
  for (const { kind, name, demand: halved } of halvings) {
    const saved = asked.usedBytes(demand) - asked.usedBytes(halved);
    if (saved > (best?.savedBytes ?? 0)) best = { kind, name, savedBytes: saved, isEnough: saved >= overBytes };
  }
  return best;
}

/** What fits as planned may still have limits that are too wide to protect it. */
function warningsOf(plan: Plan): string[] {
  const { containerBytes, heapBytes } = plan.limits;
  if (containerBytes === undefined) return [];
  const allowed = allowedBytes(plan);
  if (allowed <= containerBytes) return [];
  const fittingBytes = (heapBytes ?? 0) - (allowed - containerBytes);
  const heapFits = heapBytes !== undefined && fittingBytes >= demandOf(plan).heapBytes;
  const advice = heapFits
    ? `A heap limit of ${formatBytes(Math.floor(fittingBytes / MIB) * MIB)} would fit.`
    : 'Lower the limits of the pools, or make the container larger.';
  return [
    `The plan fits, but its limits do not: with pools and heap full it takes ${formatBytes(allowed)}, and the container holds ${formatBytes(containerBytes)}. The kernel would then kill the process before a pool refuses or V8 tries hard to collect. ${advice}`,
  ];
}
