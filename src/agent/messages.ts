/** What the agent's thread and the application's main thread say to each other. */
import type { CleanupOptions, ManagerCleanup, ObservedUsage } from '../memory/registry.ts';

/** What the worker cannot find out by itself. */
export interface WorkerStart {
  /** Resolved by the main thread: a later `chdir` must not move it. */
  directory: string;
  /** Of the socket, in `directory`. */
  socketName: string;
  failureName: string;
  scriptName: string;
  heapLimitBytes: number;
  managers: ManagerAdded[];
  control: Int32Array<SharedArrayBuffer>;
}

export interface ManagerAdded {
  id: number;
  name: string;
  shared: SharedArrayBuffer;
}

export type MessageToWorker =
  | ({ kind: 'manager-added' } & ManagerAdded)
  | { kind: 'manager-removed'; id: number }
  | { kind: 'answer'; requestId: number; answer: Answer }
  /** The process is leaving: let go of the main thread. */
  | { kind: 'exiting' };

export interface RequestMessage {
  requestId: number;
  /** One word, see `REQUEST`. */
  state: Int32Array<SharedArrayBuffer>;
  work: Work;
}

/**
 * A request is taken or withdrawn, never both: each side moves it on from `pending` with a compare-and-exchange, so that
 * what was withdrawn at a time-out never runs later.
 */
export const REQUEST = { pending: 0, taken: 1, withdrawn: 2 } as const;

export type Work =
  | { kind: 'collect' }
  | { kind: 'observe' }
  | { kind: 'cleanup'; managers: number[]; options: CleanupOptions; gc: boolean };

export type Answer = { ok: true; value: unknown } | { ok: false; message: string };

/** What each kind of work gives. */
export interface WorkResult {
  collect: MainMemory;
  observe: Observation[];
  cleanup: CleanupResult;
}

/** Of the main isolate. */
export interface MainMemory {
  heapUsedBytes: number;
  heapLimitBytes: number;
  externalBytes: number;
  arrayBuffersBytes: number;
}

export interface Observation {
  manager: string;
  usages: ObservedUsage[];
}

export interface MemoryLayers {
  heapUsedBytes: number;
  externalBytes: number;
  rssBytes: number;
}

export interface CleanupResult {
  managers: ({ name: string } & ({ ok: true; cleanup: ManagerCleanup } | { ok: false; message: string }))[];
  before: MemoryLayers;
  after: MemoryLayers;
  gcPauseMs: number | null;
}
