import type { CheckReport, CheckRow, CheckStatus } from '../report/check.ts';
import { formatBytes, formatChange } from '../units.ts';
import type { Paint, Style, Theme } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, count, hanging, NONE, printable } from './text.ts';

export function renderCheck(report: CheckReport, style: Style): string {
  const { theme } = style;
  const { rows } = report;
  const withSize = rows.some(({ size }) => size !== null);
  const withBaseline = rows.some(({ baseline }) => baseline !== null);
  const columns: Column[] = [
    { head: 'OPERATION', shrinkTo: 14 },
    ...(withSize ? [{ head: 'SIZE' } as const] : []),
    { head: 'METRIC', shrinkTo: 12 },
    { head: 'BUDGET', align: 'right' },
    { head: 'MEASURED', align: 'right' },
    ...(withBaseline ? [{ head: 'TO BASELINE', align: 'right', drop: 1 } as const] : []),
    { head: 'STATUS' },
  ];
  const cells = rows.map((row): Cell[] => [
    operationOf(row),
    ...(withSize ? [row.size ?? NONE] : []),
    metricOf(row),
    bytesOrNone(row.limitBytes),
    bytesOrNone(row.measuredBytes),
    ...(withBaseline ? [toBaseline(row)] : []),
    { text: statusText(row.status), paint: statusPaint(row.status, theme) },
  ]);
  return [
    `${theme.strong(printable(report.program.join(' ')))}  ${printable(report.file)}  ${report.passed ? theme.good('passed') : theme.critical('failed')}`,
    '',
    ...tableText(table(columns, cells, style)),
    '',
    ...notes(report).flatMap((note) => hanging('  ', note, style.width)),
  ].join('\n');
}

export function operationOf({ name, phase }: CheckRow): string {
  return name ?? phase ?? 'program';
}

/** `peak of pool cache` */
export function metricOf({ metric, pool }: CheckRow): string {
  const ofPool = pool === null ? '' : ` ${pool}`;
  return {
    peakRss: 'peak RSS',
    endRss: 'RSS at the end',
    heapAfterGc: 'heap after GC',
    poolPeak: `peak of${ofPool}`,
    growthPerMinute: 'growth a minute',
    notFreed: `not freed${ofPool}`,
  }[metric];
}

export function statusText(status: CheckStatus): string {
  return {
    ok: 'ok',
    'no-limit': 'no budget',
    over: 'over',
    'above-baseline': 'above baseline',
    missing: 'not measured',
  }[status];
}

/** What there is to say below the table, in the terminal and in Markdown. */
export function notes({ rows, runs, updated }: CheckReport): string[] {
  return [
    `Each is the median of ${count(runs, 'run')}.`,
    ...(updated ? ['The file now has what was measured: limits with head-room, and baselines.'] : []),
    ...rows.flatMap((row) => (row.reason === undefined ? [] : [`${label(row)}: ${printable(row.reason)}.`])),
    ...rows
      .filter(({ status }) => status === 'above-baseline')
      .map(
        (row) =>
          `${label(row)} is ${formatBytes((row.measuredBytes ?? 0) - (row.baseline?.medianBytes ?? 0))} above its baseline of ${formatBytes(row.baseline?.medianBytes ?? 0)}; noise explains ${formatBytes(row.toleranceBytes ?? 0)}.`,
      ),
  ];
}

export function toBaseline({ measuredBytes, baseline }: CheckRow): string {
  return measuredBytes === null || baseline === null ? NONE : formatChange(measuredBytes - baseline.medianBytes);
}

function label(row: CheckRow): string {
  return `${printable(operationOf(row))}${row.size === null ? '' : ` (${printable(row.size)})`}, ${printable(metricOf(row))}`;
}

function statusPaint(status: CheckStatus, theme: Theme): Paint {
  return {
    ok: theme.good,
    'no-limit': theme.faint,
    over: theme.critical,
    'above-baseline': theme.warning,
    missing: theme.critical,
  }[status];
}
