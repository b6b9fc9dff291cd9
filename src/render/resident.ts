import type { ResidentMemory, ResidentName, ResidentRow } from '../report/resident.ts';
import { formatBytes, formatChange, formatPercent } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';

const NAMES: Record<ResidentName, string> = {
  'js-heap': 'JS heaps, all threads',
  'array-buffers': 'array buffers',
  memtool: 'memtool itself',
  'thread-stacks': 'thread stacks',
  'code-and-files': 'code and files',
  native: 'native rest',
};

/** Less than this in a watch is noise. */
const GROWTH_SHOWN_BYTES: number = 1024 * 1024;

/** Rows that add up to the resident set; in a watch, the one that has grown most is marked. */
export function residentLines({ rssBytes, rows }: ResidentMemory, style: Style): string[] {
  const isWatched = rows.some(({ growthBytes }) => growthBytes !== null);
  const columns: Column[] = [
    { head: 'WHERE RSS GOES', shrinkTo: 14 },
    { head: 'BYTES', align: 'right' },
    { head: 'SHARE', align: 'right', drop: 1 },
    ...(isWatched ? [{ head: 'SINCE START', align: 'right' } as const] : []),
  ];
  const growing = fastest(rows);
  const cells = rows.map((row): Cell[] => [
    row === growing ? { text: `${NAMES[row.name]}  < grows`, paint: style.theme.warning } : NAMES[row.name],
    formatBytes(row.bytes),
    formatPercent(rssBytes === 0 ? 0 : (row.bytes / rssBytes) * 100),
    ...(isWatched ? [formatChange(row.growthBytes ?? 0)] : []),
  ]);
  const grown = rows.reduce((sum, { growthBytes }) => sum + (growthBytes ?? 0), 0);
  const total: Cell[] = ['total', formatBytes(rssBytes), '', ...(isWatched ? [formatChange(grown)] : [])];
  return tableText(table(columns, [...cells, total], style));
}

function fastest(rows: readonly ResidentRow[]): ResidentRow | undefined {
  const [most] = rows.toSorted((a, b) => (b.growthBytes ?? 0) - (a.growthBytes ?? 0));
  return (most?.growthBytes ?? 0) >= GROWTH_SHOWN_BYTES ? most : undefined;
}
