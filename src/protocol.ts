/**
 * What the agent and the inspector side must agree on: where the socket is, what it is called, and what may be asked.
 * The socket speaks HTTP and JSON (`curl --unix-socket <socket> http://memtool/v1/stats`).
 */
import { lstatSync, mkdirSync, readFileSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemtoolError } from './errors.ts';
import type { ReportedError, Unavailable } from './report/document.ts';
import type { ScopeSort } from './report/scopes.ts';
import type { PhaseStats } from './report/stats.ts';

export const ENDPOINTS = {
  health: '/v1/health',
  stats: '/v1/stats',
  pressure: '/v1/pressure',
  leaks: '/v1/leaks',
  profile: '/v1/profile',
  snapshot: '/v1/snapshot',
  cleanup: '/v1/cleanup',
  metrics: '/metrics',
  detach: '/v1/detach',
} as const;

export const DEFAULT_AGE_SECONDS = 300;

/** A reading of the heap is not made when the main thread would probably stand still for longer. */
export const PAUSE_SECONDS_DEFAULT = 1;

/** Which of the open scopes are in an answer of `GET /v1/stats?scopes=<count>&sort=<sort>`. */
export interface ScopeQuery {
  /** No more than these, up to `SCOPES_LISTED_MAX`. */
  count: number;
  sort: ScopeSort;
}

export const SCOPE_QUERY_DEFAULT: ScopeQuery = { count: 100, sort: 'used' };

/** How far an answer of `GET /v1/stats?workers=0&gc=60` goes. */
export interface StatsExtent {
  /** Whether the heaps of worker threads are read, which interrupts each of them for a moment. */
  workers: boolean;
  /** For so long the garbage collections of the main thread are counted from now on; 0: they need not be. */
  gcSeconds: number;
}

export const STATS_EXTENT_DEFAULT: StatsExtent = { workers: true, gcSeconds: 0 };

export const GC_SECONDS_MAX = 3600;

/** A request's body is a handful of options; more than this is refused with 413. */
export const REQUEST_BODY_BYTES_MAX: number = 16 * 1024;

/** `sun_path` is 108 bytes with its terminator; Node 20 silently truncates a longer one. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Body of `POST /v1/cleanup`. */
export interface CleanupRequest {
  ageSeconds: number;
  /** Only this pool; every pool when absent. */
  pool?: string;
  gc?: boolean;
  dryRun?: boolean;
  force?: boolean;
  /** How long the agent may wait for the application's thread before it withdraws the request. */
  timeoutMs?: number;
}

/** An agent that was sent into a process goes away when nobody has asked it for this long. */
export const IDLE_MS_DEFAULT: number = 15 * 60 * 1000;

/** What an agent that is sent into a process is told. */
export interface Injection {
  /** Where its socket goes: where the one who sends it looks for it. */
  directory: string;
  /** The agent's thread, as text that is deflated (RFC 1951) and in base64. */
  workerSource: string;
  /** It goes away when nobody has asked it for this long. */
  idleMs: number;
  /** Mean of the bytes between two samples of the heap; the default when absent. */
  sampleBytes?: number;
}

/**
 * `POST /v1/snapshot?seconds=5` answers with frames: each is a line of JSON, and after a `chunk` that many bytes of the heap
 * snapshot. Without `end` it has broken off.
 */
export type SnapshotFrame =
  | { kind: 'stage'; stage: 'tracking' | 'snapshot' }
  | { kind: 'chunk'; bytes: number }
  | { kind: 'end'; trackedSeconds: number; pauseMs: number; snapshotBytes: number }
  | { kind: 'error'; code: 'MEMTOOL_UNAVAILABLE'; message: string };

export function frameHeader(frame: SnapshotFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

/** For so long allocations may be tracked: the program all but stands still meanwhile. */
export const TRACK_SECONDS_MAX = 60;

/** Answer of `GET /v1/health`. */
export interface Health {
  pid: number;
  /** What the process itself takes for its pid, where that is another; put in by who asks. */
  pidInside?: number;
  name: string;
  nodeVersion: string;
  uptimeSeconds: number;
  sampledAt: string;
  memtoolVersion: string;
  schemaVersion: number;
  managers: string[];
  pools: number;
  /** An older agent does not say. */
  unavailable?: Unavailable;
}

/**
 * Where sockets of a user's processes are: `$MEMTOOL_DIR`, else `$XDG_RUNTIME_DIR/memtool`, else `<tmpdir>/memtool-<uid>`;
 * by default, those of this process' user.
 *
 * @param uid - Of the system itself: in a container it may be no user that has a name, and `userInfo()` throws.
 */
export function socketDirectory(
  environment: NodeJS.ProcessEnv = process.env,
  uid: number = process.getuid?.() ?? -1,
  temporary: string = tmpdir(),
): string {
  if (environment['MEMTOOL_DIR']) return environment['MEMTOOL_DIR'];
  if (environment['XDG_RUNTIME_DIR']) return join(environment['XDG_RUNTIME_DIR'], 'memtool');
  return join(temporary, `memtool-${uid}`);
}

/**
 * Whether the directory may be trusted: a real directory, ours, closed to everybody else. Anybody may create a name below
 * /tmp, so a directory that is not is refused rather than used.
 *
 * @returns `false` when it does not exist.
 * @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when it exists and cannot be trusted.
 */
export function checkSocketDirectory(directory: string): boolean {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  if (!stat) return false;
  const uid = process.getuid?.();
  const problem = directoryProblem(stat, uid);
  if (problem === undefined) return true;
  throw new MemtoolError(
    'MEMTOOL_SOCKET_DIRECTORY',
    `The socket directory ${directory} cannot be trusted: ${problem}.`,
    {
      hint: 'Remove it or run chmod 700 on it, or set MEMTOOL_DIR to a directory of your own, for the application and for memtool.',
    },
  );
}

/**
 * Why sockets in a directory are not to be trusted, as the end of a sentence.
 *
 * @param uid - Whose it must be; `undefined` where the system has no such thing.
 */
export function directoryProblem(stat: Stats, uid: number | undefined): string | undefined {
  if (!stat.isDirectory()) return 'it is not a directory (a symbolic link is not followed)';
  if (uid === undefined) return undefined;
  if (stat.uid !== uid) {
    const whom = uid === process.getuid?.() ? `us (${uid})` : `user ${uid}`;
    return `it belongs to user ${stat.uid}, not to ${whom}`;
  }
  const isClosed = (stat.mode & 0o077) === 0;
  return isClosed ? undefined : `others may enter it (mode ${(stat.mode & 0o777).toString(8)}, wanted 700)`;
}

/** Makes the directory with mode 0700 if it is missing, and checks it. */
export function ensureSocketDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  checkSocketDirectory(directory);
}

/**
 * When a process started, so that a reused pid is never mistaken: field 22 of /proc/PID/stat, clock ticks since boot.
 *
 * @returns `undefined` when there is no such process or no /proc.
 */
export function processStartTime(pid: number | 'self'): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** `<pid>-<start time>.sock`; the start time is `0` where there is no /proc. */
export function socketName(pid: number, startTime: string | undefined): string {
  return `${pid}-${startTime ?? '0'}.sock`;
}

export function parseSocketName(name: string): { pid: number; startTime: string } | undefined {
  const match = /^(\d+)-(\d+)\.sock$/.exec(name);
  return match?.[1] && match[2] ? { pid: Number(match[1]), startTime: match[2] } : undefined;
}

/** `<pid>-<start time>.failed`, beside the sockets: an agent that could not start, or that ended, leaves its reason there. */
export function failureName(pid: number, startTime: string | undefined): string {
  return `${pid}-${startTime ?? '0'}.failed`;
}

export function parseFailureName(name: string): { pid: number; startTime: string } | undefined {
  const match = /^(\d+)-(\d+)\.failed$/.exec(name);
  return match?.[1] && match[2] ? { pid: Number(match[1]), startTime: match[2] } : undefined;
}

/** `<pid>-<start time>.last`, beside the sockets: what the process held, for when it is gone. */
export function blackBoxName(pid: number, startTime: string | undefined): string {
  return `${pid}-${startTime ?? '0'}.last`;
}

export function parseBlackBoxName(name: string): { pid: number; startTime: string } | undefined {
  const match = /^(\d+)-(\d+)\.last$/.exec(name);
  return match?.[1] && match[2] ? { pid: Number(match[1]), startTime: match[2] } : undefined;
}

/** What a failure file holds, as JSON. */
export interface AgentFailure {
  pid: number;
  name: string;
  /** ISO 8601, UTC. */
  failedAt: string;
  error: ReportedError;
}

/** @throws MemtoolError `MEMTOOL_SOCKET_PATH_TOO_LONG` */
export function socketPath(directory: string, name: string): string {
  const path = join(directory, name);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new MemtoolError(
      'MEMTOOL_SOCKET_PATH_TOO_LONG',
      `The socket path ${path} is over ${SOCKET_PATH_BYTES_MAX} bytes.`,
      {
        hint: 'Set MEMTOOL_DIR to a shorter directory, for the application and for memtool.',
      },
    );
  }
  return path;
}

/** Names the file that a program which `memtool check` has started writes its measurement to when it ends. */
export const MEASUREMENT_VARIABLE = 'MEMTOOL_MEASUREMENT';

export interface MeasuredPool {
  manager: string;
  name: string;
  peakBytes: number;
  /** When the program ended. */
  usedBytes: number;
}

export interface Measurement {
  rssPeakBytes: number;
  /** When the program ended. */
  rssEndBytes: number;
  /** When the program ended, after a garbage collection. */
  heapUsedBytes: number;
  pools: MeasuredPool[];
  phases: PhaseStats[];
}
