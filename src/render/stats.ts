import { isFailure } from '../report/document.ts';
import type { ScopeSort } from '../report/scopes.ts';
import type { ManagerStats, PoolStats, ProcessStats, StatsReport } from '../report/stats.ts';
import { formatBytes, formatChange, formatPercent } from '../units.ts';
import { cacheLines } from './caches.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import { phaseLines } from './phases.ts';
import { residentLines } from './resident.ts';
import { scopeLines } from './scopes.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, count, hanging, printable, secondsOrNone } from './text.ts';

/** @param sort - What scopes were asked for by; without it only what there is of them is drawn. */
export function renderStats(report: StatsReport, style: Style, sort?: ScopeSort): string {
  return blocks(
    report.processes.map((found) => (isFailure(found) ? failureLines(found, style) : processLines(found, sort, style))),
  );
}

function processLines(found: ProcessStats, sort: ScopeSort | undefined, style: Style): string[] {
  const own = found.pools.filter(({ kind }) => kind === 'pool');
  const observed = found.pools.filter(({ kind }) => kind === 'observed');
  const spaces = found.pools.filter(({ kind }) => kind === 'heap-space');
  return [
    heading(found, style),
    ...section(own.length > 0 ? poolLines(own, found.managers, style) : noPoolLines(found, style)),
    ...section(cacheLines(found, style)),
    ...section(scopeLines(found, sort, style)),
    ...section(phaseLines(found, style)),
    ...section(memoryLine(found, style)),
    ...section(observedLines(observed, style)),
    // Beside pools the line of the process says enough of the main thread's heap.
    ...section(heapLines(own.length > 0 ? spaces.filter(isWorker) : spaces, style)),
    ...section(found.resident === undefined ? [] : residentLines(found.resident, style)),
    ...section(managerNotes(found.managers, style)),
    ...section(unavailableLines(found.unavailable, style)),
  ];
}

function section(lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function noPoolLines(found: ProcessStats, style: Style): string[] {
  if (found.unavailable?.['pools'] !== undefined) return [];
  return hanging('  ', 'No pools: nothing in this process uses the memtool library yet.', style.width);
}

function poolLines(pools: PoolStats[], managers: ManagerStats[], style: Style): string[] {
  const refused = pools.some(({ rejections }) => rejections > 0);
  const watched = isWatched(pools);
  const columns: Column[] = [
    { head: 'POOL', shrinkTo: 12 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    ...(watched ? [{ head: 'SINCE START', align: 'right', drop: 3 } as const] : []),
    { head: 'LIMIT', align: 'right', drop: 2 },
    { head: 'PEAK', align: 'right', drop: 4 },
    { head: 'LIVE', align: 'right', drop: 3 },
    { head: 'OLDEST', align: 'right', drop: 5 },
    ...(refused ? [{ head: 'REFUSED', align: 'right', drop: 1 } as const] : []),
  ];
  const rows = bySize(pools).map((pool): Cell[] => [
    managers.length > 1 && pool.manager !== null ? `${pool.manager} / ${pool.name}` : pool.name,
    { usage: { percent: pool.usedPercent, level: pool.level } },
    formatBytes(pool.usedBytes),
    ...(watched ? [formatChange(pool.growthBytes ?? 0)] : []),
    bytesOrNone(pool.limitBytes),
    formatBytes(pool.peakBytes),
    String(pool.live),
    secondsOrNone(pool.oldestAgeSeconds),
    ...(refused ? [refusedCell(pool.rejections, style)] : []),
  ]);
  return tableText(
    table(columns, [...rows, ...managerRows(pools, managers, refused), totalRow(pools, managers, refused)], style),
  );
}

function refusedCell(rejections: number, style: Style): Cell {
  return rejections > 0 ? { text: String(rejections), paint: style.theme.warning } : '0';
}

/** Of several managers each that has a limit of its own, which the total of all cannot be measured against. */
function managerRows(pools: PoolStats[], managers: ManagerStats[], refused: boolean): Cell[][] {
  if (managers.length < 2) return [];
  return managers
    .filter(({ limitBytes }) => limitBytes !== null)
    .map((manager) =>
      sumRow(
        `${manager.name} / total`,
        pools.filter((pool) => pool.manager === manager.name),
        manager,
        refused,
      ),
    );
}

function totalRow(pools: PoolStats[], managers: ManagerStats[], refused: boolean): Cell[] {
  const manager = managers.length === 1 ? managers[0] : undefined;
  return sumRow('total', pools, manager?.limitBytes === null ? undefined : manager, refused);
}

function isWatched(pools: PoolStats[]): boolean {
  return pools.some(({ growthBytes }) => growthBytes !== undefined);
}

/** A manager's own limit is what its total is measured against; peaks and ages do not add up. */
function sumRow(name: string, pools: PoolStats[], limited: ManagerStats | undefined, refused: boolean): Cell[] {
  const watched = isWatched(pools);
  return [
    name,
    limited ? { usage: { percent: limited.usedPercent, level: limited.level } } : '',
    formatBytes(sum(pools.map(({ usedBytes }) => usedBytes))),
    ...(watched ? [formatChange(sum(pools.map(({ growthBytes = 0 }) => growthBytes)))] : []),
    limited ? bytesOrNone(limited.limitBytes) : '',
    '',
    String(sum(pools.map(({ live }) => live))),
    '',
    ...(refused ? [String(sum(pools.map(({ rejections }) => rejections)))] : []),
  ];
}

/** The figures of the process as a whole. */
export function memoryLine(found: ProcessStats, style: Style): string[] {
  const {
    cpuPercent,
    rssBytes,
    heapUsedBytes,
    heapLimitBytes,
    externalBytes,
    arrayBuffersBytes,
    memtoolBytes,
    workers,
  } = found;
  const heapLimit = heapLimitBytes === null ? '' : ` of ${formatBytes(heapLimitBytes)}`;
  const figures = [
    cpuPercent === null ? '' : `CPU ${formatPercent(cpuPercent)}`,
    rssBytes === null ? '' : `RSS ${formatBytes(rssBytes)}`,
    heapUsedBytes === null ? '' : `heap ${formatBytes(heapUsedBytes)}${heapLimit}`,
    externalBytes === null ? '' : `external ${formatBytes(externalBytes)}`,
    arrayBuffersBytes === null ? '' : `buffers ${formatBytes(arrayBuffersBytes)}`,
    workers === undefined
      ? ''
      : `${count(workers.count, 'worker heap', 'worker heaps')} ${formatBytes(workers.heapUsedBytes)}`,
    memtoolBytes === null ? '' : `memtool itself ${formatBytes(memtoolBytes)}`,
  ].filter((figure) => figure !== '');
  return figures.length === 0 ? [] : hanging('  process  ', figures.join(', '), style.width);
}

function observedLines(pools: PoolStats[], style: Style): string[] {
  if (pools.length === 0) return [];
  const columns: Column[] = [
    { head: 'OBSERVED', shrinkTo: 12 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 1 },
  ];
  const rows = bySize(pools).map((pool): Cell[] => [
    pool.name,
    { usage: { percent: pool.usedPercent, level: pool.level } },
    formatBytes(pool.usedBytes),
    bytesOrNone(pool.limitBytes),
  ]);
  return tableText(table(columns, rows, style));
}

function isSpace({ name }: PoolStats): boolean {
  return name.endsWith('_space');
}

function isWorker({ threadId }: PoolStats): boolean {
  return threadId !== undefined;
}

/** The main thread's whole heap first, then its spaces by size, what V8 keeps outside, and the heaps of the other threads. */
export function heapLines(rows: PoolStats[], style: Style): string[] {
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { head: 'V8', shrinkTo: 12 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'COMMITTED', align: 'right', drop: 2 },
    { head: 'LIMIT', align: 'right', drop: 1 },
    { head: 'PEAK', align: 'right', drop: 3 },
  ];
  const main = rows.filter((row) => !isWorker(row));
  const whole = main.filter(({ limitBytes }) => limitBytes !== null);
  const spaces = bySize(main.filter(isSpace));
  const outside = main.filter((row) => !isSpace(row) && !whole.includes(row));
  // As they come: largest first, and those that have no name of their own last.
  const workers = rows.filter(isWorker);
  const cells = [...whole, ...spaces, ...outside, ...workers].map((row): Cell[] => [
    isSpace(row) ? `  ${row.name}` : row.name,
    row.limitBytes === null ? '' : { usage: { percent: row.usedPercent, level: row.level } },
    formatBytes(row.usedBytes),
    formatBytes(row.reservedBytes),
    bytesOrNone(row.limitBytes),
    formatBytes(row.peakBytes),
  ]);
  return tableText(table(columns, cells, style));
}

function managerNotes(managers: ManagerStats[], style: Style): string[] {
  return managers
    .filter(({ unrecorded }) => unrecorded > 0)
    .flatMap(({ name, unrecorded }) =>
      hanging(
        '  ',
        `${printable(name)}: ${count(unrecorded, 'live allocation has', 'live allocations have')} no record because the table was full; raise recordsMax.`,
        style.width,
      ),
    );
}

function bySize<Sized extends { usedBytes: number }>(rows: Sized[]): Sized[] {
  return rows.toSorted((a, b) => b.usedBytes - a.usedBytes);
}

function sum(figures: number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
