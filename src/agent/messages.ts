/** What the agent's thread and the threads of the application say to each other. */
import type { CacheStats, PhaseStats } from '../report/stats.ts';
import type { CleanupOptions, ManagerCleanup, ObservedUsage } from '../memory/registry.ts';
import type { GcStats } from '../report/stats.ts';
import type { ThreadIdentity } from '../memory/threads/thread-id.ts';

/** The `threadId` of the main thread. Those of workers are counted up from it, and none is used twice in a process. */
export const MAIN_THREAD = 0;

/** What the worker cannot find out by itself. */
export interface WorkerStart {
  /** Resolved by the main thread: a later `chdir` must not move it. */
  directory: string;
  /** Of the socket, in `directory`. */
  socketName: string;
  failureName: string;
  /** Of the black box, in `directory`; `null` when none is wanted. */
  blackBoxName: string | null;
  startTime: string;
  scriptName: string;
  heapLimitBytes: number;
  managers: ManagerAdded[];
  control: Int32Array<SharedArrayBuffer>;
  /** An agent that was sent into the process goes away when nobody has asked it for this long. */
  idleMs?: number;
}

export interface ManagerAdded {
  /** Counted up by each thread for itself. */
  id: number;
  name: string;
  ledgerId: number;
  shared: SharedArrayBuffer;
}

/** What any thread of the application says. */
export type ThreadMessage =
  | ({ kind: 'manager-added' } & ManagerAdded)
  | { kind: 'manager-removed'; id: number }
  /** Also to a request that was withdrawn before it was read: by its answer the agent knows what a thread has read. */
  | { kind: 'answer'; requestId: number; answer: Answer };

export type MessageToWorker =
  | ThreadMessage
  /** The process is leaving: let go of the main thread. */
  | { kind: 'exiting' };

/** A message of a worker thread of the application: over a channel, anybody could have sent it. */
export interface Announcement {
  threadId: number;
  identity: ThreadIdentity;
  message: ThreadMessage;
}

/** A request to a worker thread of the application, as it goes over the channel. */
export interface AddressedRequest {
  to: number;
  request: RequestMessage;
}

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
  /** `gcSeconds`: collections are to be counted, and for so long. */
  | { kind: 'collect'; gcSeconds?: number }
  | { kind: 'observe' }
  | { kind: 'cleanup'; managers: number[]; options: CleanupOptions; gc: boolean };

export type Answer = { ok: true; value: unknown } | { ok: false; message: string };

/** What each kind of work gives. */
export interface WorkResult {
  collect: MainMemory;
  observe: Observation[];
  cleanup: CleanupResult;
}

/** Of the isolate that was asked. */
export interface MainMemory {
  heapUsedBytes: number;
  heapLimitBytes: number;
  externalBytes: number;
  arrayBuffersBytes: number;
  /** Those that hold any memory. */
  spaces: HeapSpace[];
  /** While they are counted. */
  gc?: GcStats;
}

/** A part of the heap, by V8's name for it. */
export interface HeapSpace {
  name: string;
  usedBytes: number;
  /** Of its pages, those that the system has given memory to. */
  reservedBytes: number;
}

export interface Observation {
  manager: string;
  ledgerId: number;
  usages: ObservedUsage[];
  phases?: PhaseStats[];
  caches?: CacheStats[];
}

export interface MemoryLayers {
  heapUsedBytes: number;
  externalBytes: number;
}

export interface CleanupResult {
  managers: ({ name: string } & ({ ok: true; cleanup: ManagerCleanup } | { ok: false; message: string }))[];
  before: MemoryLayers;
  after: MemoryLayers;
  gcPauseMs: number | null;
}
