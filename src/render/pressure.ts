import { isFailure } from '../report/document.ts';
import { LEVELS } from '../report/level.ts';
import type { PressureReport, ProcessPressure, Resource } from '../report/pressure.ts';
import { formatBytes, formatChange, formatPercent, formatSeconds } from '../units.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import { levelPaint, type Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, count, hanging, NONE, printable, secondsOrNone } from './text.ts';

/** Thousands of queries may be near their limits at once. */
const SCOPES_SHOWN_MAX = 10;
/** Of worker threads that are far from theirs. */
const CALM_WORKERS_SHOWN_MAX = 8;

export function renderPressure(report: PressureReport, style: Style): string {
  return blocks(
    report.processes.map((found) => (isFailure(found) ? failureLines(found, style) : processLines(found, style))),
  );
}

function processLines(found: ProcessPressure, style: Style): string[] {
  const unavailable = unavailableLines(found.unavailable, style);
  return [
    `${heading(found, style)}  ${levelPaint(style.theme, found.level)(found.level)}`,
    '',
    ...(found.resources.length > 0
      ? resourceLines(found, style)
      : ['  Nothing to measure: no pools and no limits are known.']),
    ...(found.resources.length > 0 ? ['', ...summary(found, style)] : []),
    ...(found.warnings ?? []).flatMap((warning) => ['', ...warningLines(warning, style)]),
    ...(unavailable.length > 0 ? ['', ...unavailable] : []),
  ];
}

function warningLines(warning: string, style: Style): string[] {
  return hanging('  ', printable(warning), style.width).map((line) => style.theme.warning(line));
}

function resourceLines({ resources, scopesNearLimit = 0 }: ProcessPressure, style: Style): string[] {
  const withManager = severalManagers(resources);
  const watched = resources.some(({ growthBytes }) => growthBytes !== undefined);
  const columns: Column[] = [
    { head: 'RESOURCE', shrinkTo: 14 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 1 },
    ...(watched ? [{ head: 'SINCE START', align: 'right', drop: 3 } as const] : []),
    { head: 'PER MINUTE', align: 'right', drop: 2 },
    { head: 'FULL IN', align: 'right' },
  ];
  const scopes = nearestFirst(resources.filter(({ kind }) => kind === 'scope')).slice(0, SCOPES_SHOWN_MAX);
  const calm = nearestFirst(resources.filter(isCalmWorker)).slice(CALM_WORKERS_SHOWN_MAX);
  const others = resources.filter((resource) => resource.kind !== 'scope' && !calm.includes(resource));
  const more = scopesNearLimit - scopes.length;
  const rows = nearestFirst([...others, ...scopes]).map((resource): Cell[] => [
    resourceName(resource, withManager),
    { usage: { percent: resource.usedPercent, level: resource.level } },
    formatBytes(resource.usedBytes),
    bytesOrNone(resource.limitBytes),
    ...(watched ? [formatChange(resource.growthBytes ?? 0)] : []),
    growth(resource.bytesPerMinute),
    secondsOrNone(resource.secondsToLimit),
  ]);
  return [
    ...tableText(table(columns, rows, style)),
    ...(calm.length > 0 ? [`  and the heaps of more workers, none near its limit: \`memtool pressure --json\``] : []),
    ...(more > 0 ? [`  and ${count(more, 'more scope')} near ${more === 1 ? 'its limit' : 'their limits'}`] : []),
  ];
}

function isCalmWorker({ threadId, level }: Resource): boolean {
  return threadId !== undefined && level === 'normal';
}

export function severalManagers(resources: Resource[]): boolean {
  return new Set(resources.map(({ manager }) => manager).filter((manager) => manager !== null)).size > 1;
}

export function resourceName({ kind, manager, name }: Resource, withManager: boolean): string {
  if (kind === name) return name;
  // Beside `heap`, the main thread's, it is clear what of a worker is meant, and its name has room.
  if (kind === 'heap') return name;
  const owner = withManager && manager !== null && manager !== name ? `${manager} / ` : '';
  // A scope's name begins with what kind of scope it is.
  return kind === 'scope' ? `${owner}${name}` : `${kind} ${owner}${name}`;
}

function growth(bytesPerMinute: number | null): string {
  if (bytesPerMinute === null) return NONE;
  return formatChange(bytesPerMinute);
}

function summary(found: ProcessPressure, style: Style): string[] {
  const withManager = severalManagers(found.resources);
  const [worst] = gravestFirst(found.resources.filter(({ level }) => level !== 'normal'));
  if (!worst) {
    const soonest = found.resources
      .filter(({ secondsToLimit }) => secondsToLimit !== null)
      .toSorted((a, b) => (a.secondsToLimit ?? 0) - (b.secondsToLimit ?? 0))[0];
    if (!soonest) return hanging('  ', 'Nothing is near its limit.', style.width);
    return hanging(
      '  ',
      `Nothing has reached its threshold yet; at its present growth ${printable(resourceName(soonest, withManager))} is full first, in ${formatSeconds(soonest.secondsToLimit ?? 0)}. Who holds it: \`memtool leaks ${found.pid} --age 0\``,
      style.width,
    );
  }
  const percent = worst.usedPercent === null ? '' : ` at ${formatPercent(worst.usedPercent)} of its limit`;
  const when =
    worst.secondsToLimit === null ? '' : ` and full in ${formatSeconds(worst.secondsToLimit)} at its present growth`;
  return [
    ...hanging(
      '  ',
      `${worst.threadId === undefined ? '' : 'the heap of '}${printable(resourceName(worst, withManager))} is${percent}${when}.`.replace(
        /^./,
        (first) => first.toUpperCase(),
      ),
      style.width,
    ),
    ...hanging('  ', adviceFor(worst, found.pid), style.width),
  ];
}

function adviceFor({ threadId }: Resource, pid: number): string {
  return threadId === undefined
    ? `Who holds it: \`memtool leaks ${pid} --age 0\`. Give back what nobody needs: \`memtool cleanup ${pid}\`.`
    : 'At its limit Node.js ends the worker with ERR_WORKER_OUT_OF_MEMORY. The limit is the maxOldGenerationSizeMb of its resourceLimits, else that of the process.';
}

/** Thresholds differ by manager: what is critical at 76 % outweighs what is a warning at 87 %. */
export function gravestFirst(resources: Resource[]): Resource[] {
  return nearestFirst(resources).toSorted((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
}

function nearestFirst(resources: Resource[]): Resource[] {
  return resources.toSorted((a, b) => (b.usedPercent ?? -1) - (a.usedPercent ?? -1) || b.usedBytes - a.usedBytes);
}
