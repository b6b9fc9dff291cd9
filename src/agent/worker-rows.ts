import { usedPercent } from '../memory/level.ts';
import type { Unavailable } from '../report/document.ts';
import type { Resource } from '../report/pressure.ts';
import type { PoolStats, WorkersMemory } from '../report/stats.ts';
import { secondsToLimit } from '../statistics/growth.ts';
import type { History, SeriesKey } from './history.ts';
import type { WorkerHeapsReading } from './probes/worker-heaps.ts';
import { workerName, type WorkerHeap, type WorkerLabel } from './worker-heap.ts';

/** An application may have hundreds of workers: as many are named, and the rest is one row. */
const WORKERS_NAMED_MAX = 64;
const SILENT_NAMED_MAX = 8;

const SILENT = 'it did not answer in time: it starts, ends or is inside a native call';

/** The heaps of worker threads as rows of a report, beside that of the main thread. */
export class WorkerRows {
  readonly #heaps: readonly WorkerHeap[];
  readonly #history: History;

  /** Notes the heaps in the history, and what could not be read in `unavailable`. */
  constructor(reading: WorkerHeapsReading, history: History, unavailable: Unavailable) {
    this.#heaps = reading.kind === 'read' ? reading.heaps : [];
    this.#history = history;
    if (reading.kind === 'unavailable') unavailable['worker heaps'] = reading.reason;
    else noteSilent(reading.silent, unavailable);
    for (const { worker, oldUsedBytes } of this.#heaps) history.note(seriesOf(worker), oldUsedBytes);
  }

  /** @returns `undefined` when there are no workers */
  totals(): WorkersMemory | undefined {
    if (this.#heaps.length === 0) return undefined;
    return {
      count: this.#heaps.length,
      heapUsedBytes: sum(this.#heaps, ({ heapUsedBytes }) => heapUsedBytes),
      externalBytes: sum(this.#heaps, ({ externalBytes }) => externalBytes),
      arrayBuffersBytes: sum(this.#heaps, ({ arrayBuffersBytes }) => arrayBuffersBytes),
    };
  }

  /** Largest first. */
  pools(): PoolStats[] {
    const rows = this.#heaps.map((heap) => this.#pool(heap)).toSorted((a, b) => b.usedBytes - a.usedBytes);
    const named = rows.slice(0, WORKERS_NAMED_MAX);
    const rest = rows.slice(WORKERS_NAMED_MAX);
    if (rest.length === 0) return named;
    const usedBytes = sum(rest, (row) => row.usedBytes);
    const reservedBytes = sum(rest, (row) => row.reservedBytes);
    return [...named, poolRow({ name: restName(rest.length), threadId: null, usedBytes, reservedBytes })];
  }

  /** Nearest to its limit first: a small worker that is nearly full is named before large ones that are not. */
  resources(): Resource[] {
    const rows = this.#heaps
      .map((heap) => this.#resource(heap))
      .toSorted((a, b) => (b.usedPercent ?? 0) - (a.usedPercent ?? 0));
    const rest = rows.slice(WORKERS_NAMED_MAX);
    return [
      ...rows.slice(0, WORKERS_NAMED_MAX),
      ...(rest.length === 0 ? [] : [restResource(restName(rest.length), rest)]),
    ];
  }

  #pool({ worker, oldUsedBytes, oldLimitBytes, reservedBytes }: WorkerHeap): PoolStats {
    const series = seriesOf(worker);
    return {
      ...poolRow({ name: workerName(worker), threadId: worker.threadId, usedBytes: oldUsedBytes, reservedBytes }),
      limitBytes: oldLimitBytes,
      peakBytes: this.#history.peakBytes(series),
      usedPercent: usedPercent(oldUsedBytes, oldLimitBytes),
      level: this.#history.level(series, oldUsedBytes, oldLimitBytes),
    };
  }

  #resource({ worker, oldUsedBytes, oldLimitBytes }: WorkerHeap): Resource {
    const series = seriesOf(worker);
    const growth = this.#history.growth(series);
    return {
      kind: 'heap',
      manager: null,
      name: workerName(worker),
      threadId: worker.threadId,
      usedBytes: oldUsedBytes,
      limitBytes: oldLimitBytes,
      usedPercent: usedPercent(oldUsedBytes, oldLimitBytes),
      level: this.#history.level(series, oldUsedBytes, oldLimitBytes),
      bytesPerMinute: growth.bytesPerMinute,
      secondsToLimit: secondsToLimit(growth, oldUsedBytes, oldLimitBytes),
    };
  }
}

/** No thread id is used twice in a process. */
function seriesOf({ threadId }: WorkerLabel): SeriesKey {
  return ['worker-heap', threadId];
}

function noteSilent(silent: readonly WorkerLabel[], unavailable: Unavailable): void {
  for (const worker of silent.slice(0, SILENT_NAMED_MAX)) unavailable[`heap of ${workerName(worker)}`] = SILENT;
  const more = silent.length - SILENT_NAMED_MAX;
  if (more > 0) unavailable[`heaps of ${restName(more)}`] = SILENT;
}

function restName(workers: number): string {
  return workers === 1 ? '1 more worker' : `${workers} more workers`;
}

function poolRow(
  figures: Pick<PoolStats, 'name' | 'usedBytes' | 'reservedBytes'> & { threadId: number | null },
): PoolStats {
  return {
    manager: null,
    kind: 'heap-space',
    limitBytes: null,
    blockBytes: null,
    peakBytes: figures.usedBytes,
    usedPercent: null,
    level: 'normal',
    allocations: 0,
    frees: 0,
    rejections: 0,
    live: 0,
    oldestAgeSeconds: null,
    ...figures,
    reservedBytes: Math.max(figures.usedBytes, figures.reservedBytes),
  };
}

function restResource(name: string, rest: readonly Resource[]): Resource {
  return {
    kind: 'heap',
    manager: null,
    name,
    threadId: null,
    usedBytes: sum(rest, ({ usedBytes }) => usedBytes),
    limitBytes: null,
    usedPercent: null,
    level: 'normal',
    bytesPerMinute: null,
    secondsToLimit: null,
  };
}

function sum<Row>(rows: readonly Row[], figure: (row: Row) => number): number {
  return rows.reduce((total, row) => total + figure(row), 0);
}
