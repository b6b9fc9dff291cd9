import { isFailure, type PressureReport, type ProcessPressure, type Resource } from '../report.ts';
import { formatBytes, formatPercent, formatSeconds } from '../units.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import { levelPaint, type Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, hanging, NONE, printable, secondsOrNone } from './text.ts';

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
      ? resourceLines(found.resources, style)
      : ['  Nothing to measure: no pools and no limits are known.']),
    ...(found.resources.length > 0 ? ['', ...summary(found, style)] : []),
    ...(unavailable.length > 0 ? ['', ...unavailable] : []),
  ];
}

function resourceLines(resources: Resource[], style: Style): string[] {
  const managers = new Set(resources.map(({ manager }) => manager).filter((manager) => manager !== null));
  const columns: Column[] = [
    { head: 'RESOURCE', shrinkTo: 14 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 1 },
    { head: 'PER MINUTE', align: 'right', drop: 2 },
    { head: 'FULL IN', align: 'right' },
  ];
  const rows = nearestFirst(resources).map((resource): Cell[] => [
    resourceName(resource, managers.size > 1),
    { usage: { percent: resource.usedPercent, level: resource.level } },
    formatBytes(resource.usedBytes),
    bytesOrNone(resource.limitBytes),
    growth(resource.bytesPerMinute),
    secondsOrNone(resource.secondsToLimit),
  ]);
  return tableText(table(columns, rows, style));
}

function resourceName({ kind, manager, name }: Resource, withManager: boolean): string {
  if (kind === name) return name;
  return `${kind} ${withManager && manager !== null && manager !== name ? `${manager} / ` : ''}${name}`;
}

function growth(bytesPerMinute: number | null): string {
  if (bytesPerMinute === null) return NONE;
  return bytesPerMinute > 0 ? `+${formatBytes(bytesPerMinute)}` : formatBytes(bytesPerMinute);
}

function summary(found: ProcessPressure, style: Style): string[] {
  const [worst] = nearestFirst(found.resources.filter(({ level }) => level !== 'normal'));
  if (!worst) {
    const soonest = found.resources
      .filter(({ secondsToLimit }) => secondsToLimit !== null)
      .toSorted((a, b) => (a.secondsToLimit ?? 0) - (b.secondsToLimit ?? 0))[0];
    if (!soonest) return hanging('  ', 'Nothing is near its limit.', style.width);
    return hanging(
      '  ',
      `Nothing has reached its threshold yet; at its present growth ${printable(soonest.name)} is full first, in ${formatSeconds(soonest.secondsToLimit ?? 0)}. Who holds it: \`memtool leaks ${found.pid} --age 0\``,
      style.width,
    );
  }
  const percent = worst.usedPercent === null ? '' : ` at ${formatPercent(worst.usedPercent)} of its limit`;
  const when =
    worst.secondsToLimit === null ? '' : ` and full in ${formatSeconds(worst.secondsToLimit)} at its present growth`;
  return [
    ...hanging(
      '  ',
      `${resourceName(worst, false)} is${percent}${when}.`.replace(/^./, (first) => first.toUpperCase()),
      style.width,
    ),
    ...hanging(
      '  ',
      `Who holds it: \`memtool leaks ${found.pid} --age 0\`. Give back what nobody needs: \`memtool cleanup ${found.pid}\`.`,
      style.width,
    ),
  ];
}

function nearestFirst(resources: Resource[]): Resource[] {
  return resources.toSorted((a, b) => (b.usedPercent ?? -1) - (a.usedPercent ?? -1) || b.usedBytes - a.usedBytes);
}
