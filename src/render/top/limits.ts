import { levelAt } from '../../report/level.ts';
import type { Resource } from '../../report/pressure.ts';
import type { PoolStats } from '../../report/stats.ts';
import type { TopProcess } from '../../report/top.ts';
import { formatBytes, formatChange, formatSeconds } from '../../units.ts';
import { gravestFirst, resourceName, severalManagers } from '../pressure.ts';
import type { Style } from '../style.ts';
import { table, tableText, type Cell, type Column } from '../table.ts';
import { bytesOrNone, count, NONE, secondsOrNone } from '../text.ts';
import { resourceKey, trend } from './series.ts';
import { soonPaint } from './words.ts';

/** Thousands of queries may be near their limits at once; the page of scopes has more. */
const SCOPES_SHOWN_MAX = 5;

/** How much a trend tells. */
export interface TrendSize {
  width: number;
  looksPerMark: number;
  intervalSeconds: number;
}

export function trendHead({ width, looksPerMark, intervalSeconds }: TrendSize): string {
  const seconds = width * looksPerMark * intervalSeconds;
  const about = seconds < 120 ? seconds : Math.round(seconds / 60) * 60;
  return `LAST ${formatSeconds(about)}`.padStart(width);
}

/** So that the columns stay where they are when figures change. */
export function steady(bytes: number | null, width: number = 9): string {
  return bytesOrNone(bytes).padStart(width);
}

/**
 * Everything of a process that has a limit or is a pool, and the scopes that are near theirs, the nearest to its limit first: how full, how it went, how fast it
 * grows and when it is full.
 *
 * @param rowsMax - With the line that says how many more there are.
 */
export function limitLines(found: TopProcess, size: TrendSize, style: Style, rowsMax: number = Infinity): string[] {
  const all = resourcesOf(found);
  const scopes = gravestFirst(all.filter(({ kind }) => kind === 'scope')).slice(0, SCOPES_SHOWN_MAX);
  const resources = [...all.filter(({ kind }) => kind !== 'scope'), ...scopes];
  if (resources.length === 0) return ['  No limits are known: nothing in this process uses the memtool library.'];
  const pools = new Map((found.stats?.pools ?? []).map((pool) => [`${pool.manager ?? ''}:${pool.name}`, pool]));
  const poolOf = ({ kind, manager, name }: Resource): PoolStats | undefined =>
    kind === 'pool' ? pools.get(`${manager ?? ''}:${name}`) : undefined;
  const withManager = severalManagers(resources);
  const isRefused = resources.some((resource) => (poolOf(resource)?.rejections ?? 0) > 0);
  const columns: Column[] = [
    { head: 'LIMIT OF', shrinkTo: style.width < 100 ? 10 : 24 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 2 },
    { head: trendHead(size), align: 'right', drop: 3 },
    { head: 'PER MINUTE', align: 'right', drop: 5 },
    { head: 'FULL IN', align: 'right' },
    ...(isRefused ? [{ head: 'REFUSED', align: 'right', drop: 1 } as const] : []),
    { head: 'OLDEST', align: 'right', drop: 6 },
  ];
  const sorted = gravestFirst(resources);
  const shown = sorted.length <= rowsMax ? sorted : sorted.slice(0, Math.max(0, rowsMax - 1));
  const rows = shown.map((resource): Cell[] => {
    const { usedPercent, level, usedBytes, limitBytes, bytesPerMinute, secondsToLimit } = resource;
    const pool = poolOf(resource);
    return [
      resourceName(resource, withManager),
      { usage: { percent: usedPercent, level } },
      steady(usedBytes),
      steady(limitBytes),
      trend(found.history, resourceKey(resource), size.width, size.looksPerMark),
      (bytesPerMinute === null ? NONE : formatChange(Math.round(bytesPerMinute))).padStart(10),
      soonCell(secondsToLimit, style),
      ...(isRefused ? [refusedCell(pool, style)] : []),
      secondsOrNone(pool?.oldestAgeSeconds ?? null).padStart(6),
    ];
  });
  const more = sorted.length - shown.length;
  return [
    ...tableText(table(columns, rows, style)),
    ...(more > 0 ? [style.theme.faint(`  and ${count(more, 'more limit')}: Enter`)] : []),
  ];
}

function soonCell(seconds: number | null, style: Style): Cell {
  const text = (seconds !== null && seconds < 1 ? 'now' : secondsOrNone(seconds)).padStart(7);
  const paint = soonPaint(seconds, style.theme);
  return paint ? { text, paint } : text;
}

function refusedCell(pool: PoolStats | undefined, style: Style): Cell {
  if (pool === undefined) return NONE;
  return pool.rejections > 0 ? { text: String(pool.rejections), paint: style.theme.warning } : '0';
}

/** Before the first answer about limits there are at least the pools. */
function resourcesOf({ stats, pressure }: TopProcess): Resource[] {
  if (pressure !== null) return pressure.resources;
  return (stats?.pools ?? [])
    .filter(({ kind }) => kind !== 'heap-space')
    .map(({ kind, manager, name, usedBytes, limitBytes, usedPercent }) => ({
      kind: kind === 'pool' ? 'pool' : 'observed',
      manager,
      name,
      usedBytes,
      limitBytes,
      usedPercent,
      level: levelAt(usedPercent ?? 0),
      bytesPerMinute: null,
      secondsToLimit: null,
    }));
}

/** `12.0 MiB of 4.0 GiB`. */
export function ofLimit(usedBytes: number | null, limitBytes: number | null): string {
  if (usedBytes === null) return NONE;
  return limitBytes === null ? formatBytes(usedBytes) : `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}`;
}
