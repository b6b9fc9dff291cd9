import { parsePoolColumn } from '../../recording/format.ts';

const NAMES: Readonly<Record<string, string>> = {
  rss: 'RSS',
  pss: 'PSS',
  heapUsed: 'heap',
  workersHeapUsed: 'heaps of workers',
  arrayBuffers: 'array buffers',
  'scopes.used': 'scopes',
  'cgroup.current': 'container',
};

/** A column as people say it; of a pool its manager only where there are several. */
export function seriesName(column: string, withManager: boolean): string {
  const pool = parsePoolColumn(column);
  if (pool) return `pool ${withManager && pool.manager !== '' ? `${pool.manager} / ` : ''}${pool.pool}`;
  return NAMES[column] ?? column;
}

export function hasSeveralManagers(columns: readonly string[]): boolean {
  return new Set(columns.map((column) => parsePoolColumn(column)?.manager).filter((one) => one !== undefined)).size > 1;
}
