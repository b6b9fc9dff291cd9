import type { ProcessStats } from '../report/stats.ts';
import { formatBytes, formatChange, formatSeconds } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { NONE } from './text.ts';

/** A program may name hundreds; `--json` has all. */
const SHOWN_MAX = 10;

/** What the program has run by a name of its own, the longest first. */
export function phaseLines({ phases = [], managers }: ProcessStats, style: Style): string[] {
  if (phases.length === 0) return [];
  const columns: Column[] = [
    { head: 'PHASE', shrinkTo: 12 },
    { head: 'RUNS', align: 'right' },
    { head: 'LAST', align: 'right', drop: 2 },
    { head: 'LONGEST', align: 'right', drop: 1 },
    { head: 'LARGEST PEAK', align: 'right' },
    { head: 'NOT FREED', align: 'right' },
  ];
  const longest = phases.toSorted((a, b) => b.longestMs - a.longestMs);
  const rows = longest
    .slice(0, SHOWN_MAX)
    .map(({ manager, name, runs, durationMs, longestMs, notFreedBytes, pools }): Cell[] => {
      const [largest] = pools.toSorted((a, b) => b.peakBytes - a.peakBytes);
      return [
        managers.length > 1 ? `${manager} / ${name}` : name,
        String(runs),
        runs === 0 ? NONE : formatSeconds(durationMs / 1000),
        runs === 0 ? NONE : formatSeconds(longestMs / 1000),
        largest === undefined || largest.peakBytes === 0 ? NONE : `${largest.name} ${formatBytes(largest.peakBytes)}`,
        runs === 0 ? NONE : formatChange(notFreedBytes),
      ];
    });
  const more = phases.length - rows.length;
  return [
    ...tableText(table(columns, rows, style)),
    ...(more > 0 ? [`  and ${more} more: \`memtool stats --json\``] : []),
  ];
}
