import type { CleanupReport, CleanupRow, ProcessCleanup } from '../report/cleanup.ts';
import { isFailure } from '../report/document.ts';
import { formatBytes, formatChange } from '../units.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import type { Style } from './style.ts';
import { table, type Cell, type Column } from './table.ts';
import { hanging, NONE, printable } from './text.ts';

const NOTE_INDENT = '          ';
/** glibc returns to the system what lies at the end of a thread's memory, and keeps what lies between: see arena/segments.ts. */
const KEPT_NOTE = 'RSS fell by less: the C library keeps what threads have freed for what they ask for next.';
const IDLE_NOTE = `Idle memory leaves RSS with the application's next full garbage collection, as far as the C library lets go of it; --gc collects at once.`;

export function renderCleanup(report: CleanupReport, style: Style): string {
  return blocks(
    report.processes.map((found) =>
      isFailure(found) ? failureLines(found, style) : processLines(found, report.dryRun, style),
    ),
  );
}

function processLines(found: ProcessCleanup, dryRun: boolean, style: Style): string[] {
  return [heading(found, style), '', ...cleanupLines(found, dryRun, style)];
}

/** Beneath the name of the process. */
export function cleanupLines(found: ProcessCleanup, dryRun: boolean, style: Style): string[] {
  const parts = [
    reclaimedLines(found, dryRun, style),
    leftLines(found.left, style),
    layerLines(found, style),
    unavailableLines(found.unavailable, style),
  ];
  return parts.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function reclaimedLines({ reclaimed, totals, gcPauseMs }: ProcessCleanup, dryRun: boolean, style: Style): string[] {
  if (reclaimed.length === 0) return [`  ${dryRun ? 'Nothing would be given back.' : 'Nothing to give back.'}`];
  const idle = bySize(reclaimed.filter(({ kind }) => kind === 'idle'));
  const charged = bySize(reclaimed.filter(({ kind }) => kind !== 'idle'));
  const tagged = isTagged(reclaimed);
  const total: Cell[] = ['total', '', ...(tagged ? [''] : []), String(totals.count), formatBytes(totals.bytes)];
  const drawn = table(
    columnsOf(tagged),
    [
      ...charged.map((row) => cells(row, tagged)),
      ...(charged.length > 0 ? [total] : []),
      ...idle.map((row) => cells(row, tagged)),
    ],
    style,
  );
  const note = idle.length === 0 || dryRun || gcPauseMs !== undefined ? [] : hanging('  ', IDLE_NOTE, style.width);
  return [
    ...hanging('  ', summary(totals.bytes, idle, dryRun), style.width).map((line) => style.theme.good(line)),
    drawn.head,
    ...drawn.rows,
    ...note,
  ];
}

/** What was charged to a pool and what merely lay idle in its arena are different things, and not added up. */
function summary(chargedBytes: number, idle: CleanupRow[], dryRun: boolean): string {
  const idleBytes = idle.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = [
    chargedBytes > 0 ? `${formatBytes(chargedBytes)} to the pools` : '',
    idleBytes > 0 ? `${formatBytes(idleBytes)} of idle memory` : '',
  ].filter((part) => part !== '');
  return `${dryRun ? 'Would give back' : 'Gave back'} ${parts.join(', and ')}:`;
}

function leftLines(left: CleanupRow[], style: Style): string[] {
  if (left.length === 0) return [];
  const sorted = bySize(left);
  const tagged = isTagged(left);
  const drawn = table(
    columnsOf(tagged),
    sorted.map((row) => cells(row, tagged)),
    style,
  );
  return [
    `  ${style.theme.warning('Left in place:')}`,
    drawn.head,
    ...sorted.flatMap((row, index) => [drawn.rows[index] ?? '', ...reasonLines(row, style)]),
  ];
}

function reasonLines({ reason }: CleanupRow, style: Style): string[] {
  return reason === undefined
    ? []
    : hanging(NOTE_INDENT, printable(reason), style.width).map((line) => style.theme.faint(line));
}

function isTagged(rows: CleanupRow[]): boolean {
  return rows.some(({ tag }) => tag !== null);
}

function columnsOf(tagged: boolean): Column[] {
  return [
    { head: 'KIND' },
    { head: 'POOL', shrinkTo: 10 },
    ...(tagged ? [{ head: 'TAG', shrinkTo: 14 }] : []),
    { head: 'COUNT', align: 'right', drop: 1 },
    { head: 'BYTES', align: 'right' },
  ];
}

function cells({ kind, pool, tag, count: records, bytes }: CleanupRow, tagged: boolean): Cell[] {
  return [kind, pool ?? NONE, ...(tagged ? [tag ?? NONE] : []), String(records), formatBytes(bytes)];
}

function layerLines({ layers, gcPauseMs, reclaimed }: ProcessCleanup, style: Style): string[] {
  if (!layers) return [];
  const idleBytes = reclaimed.reduce((sum, { kind, bytes }) => (kind === 'idle' ? sum + bytes : sum), 0);
  const [rssBefore, rssAfter] = layers.rssBytes;
  const isKept = gcPauseMs !== undefined && idleBytes > 0 && rssBefore - rssAfter < idleBytes / 2;
  const rows = (
    [
      ['heap', layers.heapUsedBytes],
      ['external', layers.externalBytes],
      ['RSS', layers.rssBytes],
    ] as const
  ).map(([name, [before, after]]): Cell[] => [
    name,
    formatBytes(before),
    formatBytes(after),
    formatChange(after - before),
  ]);
  const columns: Column[] = [
    { head: 'LAYER' },
    { head: 'BEFORE', align: 'right' },
    { head: 'AFTER', align: 'right' },
    { head: 'CHANGE', align: 'right', drop: 1 },
  ];
  const drawn = table(columns, rows, style);
  const pause =
    gcPauseMs === undefined ? [] : [`  The collection stopped the application for ${Math.round(gcPauseMs)} ms.`];
  return [drawn.head, ...drawn.rows, ...pause, ...(isKept ? hanging('  ', KEPT_NOTE, style.width) : [])];
}

function bySize(rows: CleanupRow[]): CleanupRow[] {
  return rows.toSorted((a, b) => b.bytes - a.bytes);
}
