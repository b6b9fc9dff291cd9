/** The heap of one worker thread of the application. */
export interface WorkerHeap {
  worker: WorkerLabel;
  /** Of the old generation: what its limit bounds. */
  oldUsedBytes: number;
  oldLimitBytes: number;
  /** Of both generations. */
  heapUsedBytes: number;
  /** Of its pages, those that the system has given memory to. */
  reservedBytes: number;
  externalBytes: number;
  arrayBuffersBytes: number;
}

export interface WorkerLabel {
  threadId: number;
  /** As the application gave it to `new Worker()`. */
  name: string | null;
}

/** What Node 24 and 26 call a worker that the application gave no name; 20 and 22 say nothing. */
const NAME_DEFAULT = 'WorkerThread';
const NAME_CHARACTERS_MAX = 40;

/**
 * Evaluated in the worker; gives numbers in the order of `readWorkerHeap`.
 *
 * `heap_size_limit` alone would mislead: it is the limit of both generations, and the old one meets its own first. A worker
 * with `maxOldGenerationSizeMb: 64` has a `heap_size_limit` of 112 MiB on Node 20, 256 on 24 and 160 on 26, and dies on all of
 * them when 55 to 64 MiB have grown old. What `resourceLimits` says of a part is right unless the process has a flag for that
 * part, which V8 obeys instead: of the old one, then, the limit of both tells, less the young, whose thirds V8 rounds up.
 */
export const WORKER_HEAP_EXPRESSION = `(() => {
  const v8 = process.getBuiltinModule('node:v8');
  const { resourceLimits } = process.getBuiltinModule('node:worker_threads');
  const { used_heap_size: used, heap_size_limit: limit, total_physical_size: physical } = v8.getHeapStatistics();
  let young = 0;
  for (const { space_name: name, space_used_size: bytes } of v8.getHeapSpaceStatistics())
    if (name.startsWith('new_')) young += bytes;
  const oldMax = resourceLimits.maxOldGenerationSizeMb * 1048576;
  const youngMax = 3 * 2 ** Math.ceil(Math.log2(resourceLimits.maxYoungGenerationSizeMb / 3)) * 1048576;
  const flags = process.execArgv.join(' ') + ' ' + process.env.NODE_OPTIONS;
  const isOverruled = oldMax > limit || /max[-_]old[-_]space[-_]size/.test(flags);
  const oldLimit = isOverruled && limit > youngMax ? limit - youngMax : Math.min(oldMax, limit);
  const { external, arrayBuffers } = process.memoryUsage();
  return [used - young, oldLimit, used, physical, external, arrayBuffers];
})()`;

/** @returns `undefined` for what is not an answer to the expression */
export function readWorkerHeap(worker: WorkerLabel, value: unknown): WorkerHeap | undefined {
  if (!Array.isArray(value) || !value.every((figure) => Number.isFinite(figure))) return undefined;
  const figures: number[] = value.map((figure) => Math.max(0, Number(figure)));
  const [oldUsedBytes, oldLimitBytes, heapUsedBytes, reservedBytes, externalBytes, arrayBuffersBytes] = figures;
  if (
    oldUsedBytes === undefined ||
    oldLimitBytes === undefined ||
    heapUsedBytes === undefined ||
    reservedBytes === undefined ||
    externalBytes === undefined ||
    arrayBuffersBytes === undefined
  )
    return undefined;
  return { worker, oldUsedBytes, oldLimitBytes, heapUsedBytes, reservedBytes, externalBytes, arrayBuffersBytes };
}

/** Reads what the inspector calls a worker: `[worker 3] its name`. */
export function readTitle(title: string): WorkerLabel | undefined {
  const [, id, name = ''] = /^\[worker (\d+)\] ?(.*)$/s.exec(title) ?? [];
  if (id === undefined) return undefined;
  const isNamed = name !== '' && name !== NAME_DEFAULT;
  return { threadId: Number(id), name: isNamed ? name.slice(0, NAME_CHARACTERS_MAX) : null };
}

/** How it is called in a report. */
export function workerName({ threadId, name }: WorkerLabel): string {
  return name === null ? `worker ${threadId}` : `worker ${threadId} (${name})`;
}
