import { parsePoolColumn, poolColumn } from '../recording/format.ts';
import { GAIN_SHARE_MIN } from '../statistics/trend.ts';
import type { Reduction } from '../statistics/windows.ts';

/** How a column of a recording is judged. */
export interface SeriesKind {
  column: string;
  reduction: Reduction;
  /** The column of what it may grow to. */
  limitColumn: string | null;
  gainShareMin: number;
  /** It holds the heap among other things. */
  hasHeap: boolean;
}

/**
 * What allocators keep varies by so much without any reason in the program, and so does a heap while code is still being compiled
 * [38.1 to 39.3 MiB in 15 minutes, of a service that keeps nothing].
 */
const PROCESS_GAIN_SHARE_MIN = 0.05;

const PROCESS_SERIES: SeriesKind[] = [
  resident('rss', 'cgroup.limit'),
  resident('pss', null),
  collected('heapUsed', 'heapLimit'),
  collected('workersHeapUsed', null),
  collected('external', null),
  collected('arrayBuffers', null),
  plain('scopes.used', null),
  resident('cgroup.current', 'cgroup.limit'),
];

/** Of the columns of a recording those that are judged: sizes that a program answers for. */
export function seriesKinds(columns: readonly string[]): SeriesKind[] {
  const pools = columns.flatMap((column) => {
    const pool = parsePoolColumn(column);
    return pool?.figure === 'used' ? [plain(column, poolColumn(pool.manager, pool.pool, 'limit'))] : [];
  });
  return [...PROCESS_SERIES.filter(({ column }) => columns.includes(column)), ...pools];
}

function resident(column: string, limitColumn: string | null): SeriesKind {
  return { column, reduction: 'median', limitColumn, gainShareMin: PROCESS_GAIN_SHARE_MIN, hasHeap: true };
}

function collected(column: string, limitColumn: string | null): SeriesKind {
  return { column, reduction: 'floor', limitColumn, gainShareMin: PROCESS_GAIN_SHARE_MIN, hasHeap: false };
}

function plain(column: string, limitColumn: string | null): SeriesKind {
  return { column, reduction: 'median', limitColumn, gainShareMin: GAIN_SHARE_MIN, hasHeap: false };
}
