import type { BudgetReport, PlannedComponent, PlannedLimit } from '../report/budget.ts';
import { formatBytes, formatPercent } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, hanging, NONE, printable } from './text.ts';

export function renderBudget(report: BudgetReport, style: Style): string {
  const { theme } = style;
  const isLimited = report.limits.some(({ limitBytes }) => limitBytes !== null);
  const verdict = report.isOver ? theme.critical('over') : isLimited ? theme.good('fits') : theme.faint('no limits');
  const file = printable(report.file);
  return [
    `${theme.strong(report.name === null ? file : printable(report.name))}${report.name === null ? '' : `  ${file}`}  ${verdict}`,
    '',
    ...componentLines(report, style),
    ...(report.counts.length > 0 ? ['', ...countLines(report, style)] : []),
    '',
    ...(isLimited
      ? [...limitLines(report, style), '', ...summary(report, style)]
      : hanging('  ', 'No limit to check it against: give --container 2GiB, or `limits` in the file.', style.width)),
    ...(report.warnings ?? []).flatMap((warning) => [
      '',
      ...hanging('  ', printable(warning), style.width).map((line) => theme.warning(line)),
    ]),
  ].join('\n');
}

function componentLines({ components, plannedBytes }: BudgetReport, style: Style): string[] {
  const severalPlaces = new Set(components.map(placeOf)).size > 1;
  const columns: Column[] = [
    { head: 'COMPONENT', shrinkTo: 16 },
    ...(severalPlaces ? [{ head: 'WHERE', drop: 3 } as const] : []),
    { head: 'UNITS', shrinkTo: 16 },
    { head: 'EACH', align: 'right', drop: 2 },
    { head: 'BYTES', align: 'right' },
    { head: 'SHARE', align: 'right', drop: 1 },
    { head: 'HALF SAVES', align: 'right' },
  ];
  const rows = components.map((one): Cell[] => [
    one.name,
    ...(severalPlaces ? [placeOf(one)] : []),
    unitsText(one),
    formatBytes(one.unitBytes),
    formatBytes(one.bytes),
    formatPercent(one.sharePercent),
    formatBytes(one.halvingSavesBytes),
  ]);
  const total: Cell[] = ['total', ...(severalPlaces ? [''] : []), '', '', formatBytes(plannedBytes), '', ''];
  return tableText(table(columns, [...rows, total], style));
}

function placeOf({ where, pool, onHeap }: PlannedComponent): string {
  if (pool === null) return where;
  return onHeap ? `heap, pool ${pool}` : `pool ${pool}`;
}

function unitsText({ count, per, sharedBy }: PlannedComponent): string {
  if (sharedBy !== null) return `${count} shared by ${sharedBy.count} ${sharedBy.name}`;
  const factors = per.map((one) => `${one.count} ${one.name}`);
  return [...(count === 1 && factors.length > 0 ? [] : [String(count)]), ...factors].join(' x ');
}

function countLines({ counts }: BudgetReport, style: Style): string[] {
  const columns: Column[] = [
    { head: 'COUNT', shrinkTo: 12 },
    { head: 'PLANNED', align: 'right' },
    { head: 'HALF', align: 'right', drop: 1 },
    { head: 'HALF SAVES', align: 'right' },
  ];
  const rows = counts.map((one): Cell[] => [
    one.name,
    String(one.count),
    String(one.halfCount),
    formatBytes(one.halvingSavesBytes),
  ]);
  return tableText(table(columns, rows, style));
}

function limitLines({ limits }: BudgetReport, style: Style): string[] {
  const columns: Column[] = [
    { head: 'LIMIT', shrinkTo: 12 },
    { head: 'USAGE' },
    { head: 'NEEDED', align: 'right' },
    { head: 'LIMIT', align: 'right' },
    { head: 'LEFT', align: 'right' },
  ];
  const rows = limits.map((one): Cell[] => [
    limitName(one),
    { usage: { percent: one.usedPercent, level: one.level } },
    formatBytes(one.usedBytes),
    bytesOrNone(one.limitBytes),
    one.limitBytes === null ? NONE : formatBytes(one.limitBytes - one.usedBytes),
  ]);
  return tableText(table(columns, rows, style));
}

function limitName({ kind, name }: PlannedLimit): string {
  return kind === 'pool' ? `pool ${name}` : name;
}

function summary({ limits }: BudgetReport, style: Style): string[] {
  const over = limits.filter(({ overBytes }) => overBytes > 0);
  const container = limits.find(({ kind, limitBytes }) => kind === 'container' && limitBytes !== null);
  const sentences = [
    ...(over.length === 0 ? [fitsText(limits)] : over.map(overText)),
    ...(container === undefined
      ? []
      : [
          `What the container needs includes ${formatBytes(container.headroomBytes)} of head-room for code, stacks and what V8 and the allocator keep.`,
        ]),
  ];
  return sentences.flatMap((sentence) => hanging('  ', sentence, style.width));
}

/** Fullest first, as they come. */
function fitsText(limits: PlannedLimit[]): string {
  const near = limits.filter(({ level }) => level !== 'normal').map((one) => printable(limitName(one)));
  const [nearest] = limits;
  if (near.length === 0 || nearest?.usedPercent == null) return 'It fits.';
  return near.length === 1
    ? `It fits, but ${near[0]} is close: at ${formatPercent(nearest.usedPercent)}.`
    : `It fits, but ${near.slice(0, -1).join(', ')} and ${near.at(-1)} are close.`;
}

function overText(limit: PlannedLimit): string {
  const { kind, overBytes, bestSaving } = limit;
  const what = kind === 'pool' ? printable(limitName(limit)) : `the ${kind}`;
  const start = `${what.charAt(0).toUpperCase()}${what.slice(1)} is over by ${formatBytes(overBytes)}.`;
  if (bestSaving === null) return start;
  const name = `${bestSaving.kind === 'count' ? 'the number of' : 'the units of'} ${printable(bestSaving.name)}`;
  const outcome = bestSaving.isEnough ? 'which is enough' : 'which alone is not enough';
  return `${start} Halving ${name} saves most, ${formatBytes(bestSaving.savedBytes)}, ${outcome}.`;
}
