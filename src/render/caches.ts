import type { ProcessStats } from '../report/stats.ts';
import { formatBytes, formatPercent } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { NONE } from './text.ts';

/** A program may have one for each of its users; `--json` has more. */
const SHOWN_MAX = 10;

/** The caches in the pools, the largest first. */
export function cacheLines({ caches = [], managers }: ProcessStats, style: Style): string[] {
  if (caches.length === 0) return [];
  const refused = caches.some(({ refusals }) => refusals > 0);
  const saved = caches.some(({ savedBytes }) => savedBytes > 0);
  const columns: Column[] = [
    { head: 'CACHE', shrinkTo: 12 },
    { head: 'POOL', drop: 6 },
    { head: 'HITS', align: 'right' },
    { head: 'LOOKUPS', align: 'right', drop: 4 },
    { head: 'ENTRIES', align: 'right', drop: 5 },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 3 },
    ...(saved ? [{ head: 'SAVED', align: 'right', drop: 1 } as const] : []),
    { head: 'EVICTED', align: 'right', drop: 2 },
    ...(refused ? [{ head: 'REFUSED', align: 'right' } as const] : []),
  ];
  const largest = caches.toSorted((a, b) => b.usedBytes - a.usedBytes);
  const rows = largest
    .slice(0, SHOWN_MAX)
    .map((cache): Cell[] => [
      managers.length > 1 ? `${cache.manager} / ${cache.name}` : cache.name,
      cache.pool,
      cache.hitPercent === null ? NONE : formatPercent(cache.hitPercent),
      String(cache.hits + cache.misses),
      String(cache.entries),
      formatBytes(cache.usedBytes),
      formatBytes(cache.maxBytes),
      ...(saved ? [formatBytes(cache.savedBytes)] : []),
      String(cache.evictions),
      ...(refused ? [refusedCell(cache.refusals, style)] : []),
    ]);
  const more = caches.length - rows.length;
  return [
    ...tableText(table(columns, rows, style)),
    ...(more > 0 ? [`  and ${more} more: \`memtool stats --json\``] : []),
  ];
}

function refusedCell(refusals: number, style: Style): Cell {
  return refusals > 0 ? { text: String(refusals), paint: style.theme.warning } : '0';
}
