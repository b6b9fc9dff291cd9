/**
 * The reports: what the agent sends, what `--json` prints and what `render/` draws.
 *
 * The contract is additive only. Names carry their unit last; percentages are 0-100 and unrounded; `limitBytes` and what
 * follows from it is `null` without a limit, and `level` is then `normal`.
 */

/** Version of the JSON contract, in every object that `--json` prints. */
export const SCHEMA_VERSION = 1;

/** `normal` below 80 %, `warning` from 80 %, `critical` from 95 %; each falls back 5 points lower. */
export type Level = 'normal' | 'warning' | 'critical';

/** From the best to the worst; the ledger stores a level as its place here. */
export const LEVELS: readonly Level[] = ['normal', 'warning', 'critical'];

/** By the thresholds that apply where a program has set none. */
export function levelAt(percent: number): Level {
  if (percent >= 95) return 'critical';
  return percent >= 80 ? 'warning' : 'normal';
}

export function worstLevel(found: readonly { level: Level }[]): Level {
  return LEVELS.findLast((level) => found.some((one) => one.level === level)) ?? 'normal';
}

export type LeakKind = 'lost' | 'orphaned' | 'stale' | 'growing';
export type Verdict = 'leak' | 'suspect' | 'cache' | 'undecided';
/** From the most certain leak to what is none. */
export const VERDICTS: readonly Verdict[] = ['leak', 'suspect', 'undecided', 'cache'];
export type ScopeKind = 'query' | 'transaction' | 'user' | 'procedure';
/** What scopes can be put in order by, largest first, and the figure that each means. */
export const SCOPE_SORTS = { used: 'usedBytes', peak: 'peakBytes', age: 'ageSeconds' } as const;
export type ScopeSort = keyof typeof SCOPE_SORTS;
/** A process may have thousands of scopes open; a report has at most these. */
export const SCOPES_LISTED_MAX = 1000;

export type CommandName =
  | 'ps'
  | 'stats'
  | 'pressure'
  | 'leaks'
  | 'cleanup'
  | 'profile'
  | 'budget'
  | 'check'
  | 'report'
  | 'last'
  | 'attach'
  | 'detach'
  | 'run'
  | 'record'
  | 'demo';

/** Which process, and when it was looked at. */
export interface ProcessIdentity {
  pid: number;
  /** What the process itself takes for its pid, where that is another: in a container. */
  pidInside?: number;
  name: string;
  nodeVersion: string | null;
  uptimeSeconds: number;
  /** ISO 8601, UTC. */
  sampledAt: string;
}

/** What could not be had, by section, with the reason as a sentence. */
export type Unavailable = Record<string, string>;

export interface PoolStats {
  manager: string | null;
  name: string;
  kind: 'pool' | 'observed' | 'heap-space';
  limitBytes: number | null;
  blockBytes: number | null;
  /** Sum of the live records: what the limit is enforced on. */
  usedBytes: number;
  /** What is set aside to serve `usedBytes`: reservations as they are, plus the arena's whole segments. Never below `usedBytes`. */
  reservedBytes: number;
  peakBytes: number;
  usedPercent: number | null;
  level: Level;
  allocations: number;
  frees: number;
  rejections: number;
  live: number;
  oldestAgeSeconds: number | null;
  /**
   * Of the heap of a worker thread: its id in Node.js; `null` in the row that stands for all further workers. `usedBytes` and
   * `limitBytes` are then of its old generation, which is what its limit bounds. Not in the row `heap`, which is the main
   * thread's.
   */
  threadId?: number | null;
  /** Of `usedBytes`, since the first look of `--watch`. */
  growthBytes?: number;
}

export interface ManagerStats {
  name: string;
  limitBytes: number | null;
  usedBytes: number;
  usedPercent: number | null;
  level: Level;
  /** Live allocations and reservations that have no record because the table was full. */
  unrecorded: number;
  /** One in this many reservation handles was watched for being lost in the busiest second so far; 1 means that all were. */
  watchedOneIn: number;
}

export interface ScopeStats {
  manager: string;
  kind: ScopeKind;
  name: string;
  /** What it was opened in, of whatever kind. */
  parent: string | null;
  user: string | null;
  transaction: string | null;
  limitBytes: number | null;
  /** With what the scopes within it hold. */
  usedBytes: number;
  usedPercent: number | null;
  level: Level;
  peakBytes: number;
  ageSeconds: number;
}

/** Figures of the whole process; `null` where `unavailable` has the reason. */
export interface ProcessMemory {
  /** Of one core, averaged over the last seconds. */
  cpuPercent: number | null;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapLimitBytes: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  /** memtool's own share: the agent thread's heap and the touched part of the ledger. */
  memtoolBytes: number | null;
}

/** What the worker threads of the application hold, all together; memtool's own is not among them. */
export interface WorkersMemory {
  /** Those that answered. */
  count: number;
  heapUsedBytes: number;
  externalBytes: number;
  arrayBuffersBytes: number;
}

/** Where resident memory is, in the order in which it is told. `native` is what nothing else accounts for. */
export type ResidentName = 'js-heap' | 'array-buffers' | 'memtool' | 'thread-stacks' | 'code-and-files' | 'native';

export interface ResidentRow {
  name: ResidentName;
  bytes: number;
  /** Since the first look of `--watch`; `null` at that look. */
  growthBytes: number | null;
}

/** What nobody could say of the process has no row, and is in `native`. */
export interface ResidentMemory {
  /** Sum of the rows. Read a moment later than the other figures. */
  rssBytes: number;
  rows: ResidentRow[];
}

/** Garbage collections of the main thread since they are counted. */
export interface GcStats {
  count: number;
  /** Of `count`, those of the whole heap: after one, what is left lives. An older agent does not say. */
  fullCount?: number;
  pauseMs: number;
}

export interface ProcessStats extends ProcessIdentity, ProcessMemory {
  /** Absent when there are none; the figures of `ProcessMemory` are the main thread's. An older agent does not say. */
  workers?: WorkersMemory;
  managers: ManagerStats[];
  pools: PoolStats[];
  /** The first of the open scopes, in the order that was asked for. */
  scopes: ScopeStats[];
  /** All that are open. An older agent does not say. */
  scopeCount?: number;
  /** Absent when there are none. */
  phases?: PhaseStats[];
  /** What all that are open hold together; what is in several is counted once. An older agent does not say. */
  scopesUsedBytes?: number;
  /** Only for those who asked for it to be counted, and not while collections are so many that it would cost too much. */
  gc?: GcStats;
  /** Of one process only, and where the system tells. */
  resident?: ResidentMemory;
  unavailable?: Unavailable;
}

/** What a program has run by a name of its own, with `memory.phase()`. */
export interface PhaseStats {
  manager: string;
  name: string;
  /** That have ended, `failures` included. */
  runs: number;
  running: number;
  failures: number;
  /** Of the run that ended last. */
  durationMs: number;
  longestMs: number;
  /** What all pools held more after the last run than before it; negative when it freed what was there before. */
  notFreedBytes: number;
  /** The most of any run. */
  notFreedMaxBytes: number;
  /** Before and after the last run; `memtool check` collects garbage first. */
  heapUsedBytes: [before: number, after: number];
  /** The peak of any run, in the thread that ran it; what was not freed by the last. */
  pools: { name: string; peakBytes: number; notFreedBytes: number }[];
}

export interface Resource {
  kind: 'pool' | 'manager' | 'scope' | 'observed' | 'heap' | 'container';
  manager: string | null;
  name: string;
  /** Of the heap of a worker thread, as in `PoolStats`. */
  threadId?: number | null;
  usedBytes: number;
  limitBytes: number | null;
  usedPercent: number | null;
  level: Level;
  /** Growth over the last minute (least squares); `null` while it has been watched for under ten seconds. */
  bytesPerMinute: number | null;
  /** At that growth; `null` when it does not grow, has no limit or is not known yet. */
  secondsToLimit: number | null;
  /** Of `usedBytes`, since the first look of `--watch`. */
  growthBytes?: number;
}

export interface ProcessPressure extends ProcessIdentity {
  /** The worst of `resources`. */
  level: Level;
  /** Of scopes only those near their limit, and of them the nearest. */
  resources: Resource[];
  /** All scopes near their limit. An older agent does not say. */
  scopesNearLimit?: number;
  /** What is wrong beside a limit that is near, as sentences. */
  warnings?: string[];
  unavailable?: Unavailable;
}

export interface LeakScope {
  kind: ScopeKind;
  name: string;
  user: string | null;
  transaction: string | null;
}

export interface Leak {
  manager: string | null;
  kind: LeakKind;
  source: 'pool' | 'heap' | 'buffers';
  pool: string | null;
  tag: string | null;
  /** Innermost first, `fn (file:line:col)`; empty when none was sampled. */
  stack: string[];
  scope: LeakScope | null;
  count: number;
  bytes: number;
  oldestAgeSeconds: number;
  youngestAgeSeconds: number;
  generations: number | null;
  bytesPerMinute: number | null;
  verdict: Verdict;
  reason: string;
}

export interface Totals {
  count: number;
  bytes: number;
}

/** What was lost in a pool and has been released since, by cleanup or for want of room: a leak all the same. */
export interface ReleasedLost extends Totals {
  manager: string;
  pool: string;
}

export function totalsOf(rows: readonly Totals[]): Totals {
  const totals: Totals = { count: 0, bytes: 0 };
  for (const { count, bytes } of rows) {
    totals.count += count;
    totals.bytes += bytes;
  }
  return totals;
}

/** Of the heap and of buffers, a row is a place of the program, and `count` are the samples that were drawn of what lives. */
export interface ProcessLeaks extends ProcessIdentity {
  leaks: Leak[];
  /** The reading that the rows of `source` `heap` and `buffers` come from. An older agent does not say. */
  heap?: HeapReadingReport;
  /** Only when it was asked for. */
  retainers?: RetainersReport;
  /** Leaks of which no trace is left among the live records; empty as a rule. Not in `totals`. An older agent does not say. */
  released?: ReleasedLost[];
  totals: Totals;
  unavailable?: Unavailable;
}

/** What keeps alive what one place of the program makes. */
export interface RetainersReport {
  place: string;
  /** For so long the allocations were tracked. */
  trackedSeconds: number;
  /** For so long the main thread stood still after that, at most. */
  pauseMs: number;
  snapshotBytes: number;
  /** Of what the place made meanwhile. */
  survivors: Totals;
  /** Most survivors first, from the root on; not more than three. */
  paths: RetainingPath[];
}

export interface RetainingPath extends Totals {
  path: string[];
}

/** How the heap was read, and how far that goes. */
export interface HeapReadingReport {
  /** What was allocated before that is not seen. */
  watchedSeconds: number;
  /** Mean of the bytes between two samples; `null` for a sampler that somebody else has started. */
  sampleBytes: number | null;
  /** ISO 8601, UTC: readings that follow each other too closely are one. */
  readAt: string;
  /** For so long the main thread stood still for it, at most. */
  pauseMs: number;
  /** What the samples stand for: all that was allocated during the watch and lives. */
  liveBytes: number;
  /** The rest of the heap: from before the watch, and V8's own. */
  unseenBytes: number;
  /** The same of Buffers: what samples stand for, and the rest of what ArrayBuffers hold. `null` where they are not watched. */
  buffersLiveBytes: number | null;
  buffersUnseenBytes: number | null;
  /** Places that have no row: too small to be listed. */
  placesLeftOut: number;
}

/** A function in a profile of V8; lines and columns from 0. */
export interface CallFrame {
  functionName: string;
  scriptId: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}

export interface HeapProfileNode {
  callFrame: CallFrame;
  selfSize: number;
  id: number;
  children: HeapProfileNode[];
}

/** `HeapProfiler.SamplingHeapProfile` of the Chrome DevTools Protocol. */
export interface HeapProfile {
  head: HeapProfileNode;
  /** `ordinal` counts all the samples that were taken; those of memory that has been freed are gone. */
  samples: { size: number; nodeId: number; ordinal: number }[];
}

/** What lives, by the stack that allocated it. */
export interface ProcessProfile extends ProcessIdentity {
  sampleBytes: number | null;
  watchedSeconds: number;
  pauseMs: number;
  /** Milliseconds since 1970. */
  startedMs: number;
  endedMs: number;
  profile: HeapProfile;
}

export const PROFILE_FORMATS = ['heapprofile', 'pprof', 'flamegraph'] as const;
export type ProfileFormat = (typeof PROFILE_FORMATS)[number];

/** A profile that was written. */
export interface ProcessExport extends ProcessIdentity {
  /** As it was given, or in the current directory; `-` is stdout. */
  file: string;
  format: ProfileFormat;
  /** Size of the file. */
  bytes: number;
  /** What the profile shows: of the V8 heap, allocated since it is watched, and estimated from samples. */
  liveBytes: number;
  /** How many samples that was told from: the more, the surer. */
  samples: number;
  sampleBytes: number | null;
  watchedSeconds: number;
  pauseMs: number;
}

/** How a process ended, as far as that can be told. */
export interface LastEnding {
  /**
   * `exit` with a code, `error` that nobody caught, `oom-kill` by the kernel, `heap-limit`: V8 gave up, `signal` that is known,
   * `killed` by one that is not, `restart` of the machine. `running`: it has not.
   */
  how: 'running' | 'exit' | 'error' | 'oom-kill' | 'heap-limit' | 'signal' | 'killed' | 'restart';
  /** How sure that is. */
  certainty: 'certain' | 'likely' | 'unknown';
  /** Whether it ended for want of memory. */
  ofMemory: boolean;
  /** ISO 8601, UTC: when it ended, where somebody has noted that; else when it was last heard of, at most a second before. */
  at: string | null;
  /** `null` where it is of no use any more: a clock that was set. */
  agoSeconds: number | null;
  code: number | null;
  signal: string | null;
  error: { text: string; stack: string[] } | null;
  /** What that rests on, as sentences. */
  because: string[];
  /** The kernel's own words. */
  kernelLine: string | null;
}

/** Of a pool, the heap or the container, when it reached or left a level. */
export interface LastEvent {
  at: string;
  name: string;
  level: Level;
  usedBytes: number;
  limitBytes: number;
}

/** Who held memory of a pool. */
export interface LastHolder extends Totals {
  manager: string;
  pool: string;
  tag: string | null;
  stack: string[];
}

/** A place of the program, by the last reading of the heap. */
export interface LastSite {
  source: 'heap' | 'buffers';
  stack: string[];
  bytes: number;
  verdict: Verdict;
}

export interface LastPool {
  manager: string;
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  usedPercent: number | null;
}

export interface LastScope {
  manager: string;
  kind: ScopeKind;
  name: string;
  user: string | null;
  usedBytes: number;
  limitBytes: number | null;
  ageSeconds: number;
}

/** Rows in the order of `columns`, which are named as in a recording; `t` is milliseconds since the start of the process. */
export interface LastHistory {
  columns: string[];
  /** The last ten minutes, a second apart. */
  seconds: (number | null)[][];
  /** The last day, a minute apart. */
  minutes: (number | null)[][];
}

/** A process that has left its black box; `sampledAt` and `uptimeSeconds` are of its last sample. */
export interface LastListing extends ProcessIdentity {
  file: string;
  ending: LastEnding;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapLimitBytes: number | null;
}

/** The same with all that is in the box. */
export interface ProcessLast extends LastListing {
  memtoolVersion: string | null;
  hostname: string | null;
  /** How long before the last sample the heap was read: its event loop may have been busy. */
  heapAgeSeconds: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  cpuPercent: number | null;
  containerUsedBytes: number | null;
  containerLimitBytes: number | null;
  /** Largest first. */
  pools: LastPool[];
  /** All pools, also those that are not listed. */
  poolsUsedBytes: number | null;
  /** What follows is of this time, up to ten seconds before the last sample. */
  detailsAt: string | null;
  holders: LastHolder[];
  scopes: LastScope[];
  scopeCount: number;
  events: LastEvent[];
  /** `null` while nobody has had the heap read. */
  sitesReadAt: string | null;
  sites: LastSite[];
  history: LastHistory;
  unavailable?: Unavailable;
}

export interface CleanupRow {
  manager: string | null;
  /** `reclaimer`: what the application's own `onReclaim` gave back; `idle`: empty arena segments returned to the system. */
  kind: LeakKind | 'reclaimer' | 'idle';
  pool: string | null;
  tag: string | null;
  count: number;
  bytes: number;
  /** Of `left` rows: why it was left, and what would take it. */
  reason?: string;
}

export interface CleanupLayers {
  heapUsedBytes: [before: number, after: number];
  externalBytes: [before: number, after: number];
  rssBytes: [before: number, after: number];
}

export interface ProcessCleanup extends ProcessIdentity {
  reclaimed: CleanupRow[];
  left: CleanupRow[];
  /** Of `reclaimed`, without the rows of kind `idle`: that memory was charged to nobody. */
  totals: Totals;
  layers?: CleanupLayers;
  /** The longest time that the collection asked for by `--gc` took on any thread. */
  gcPauseMs?: number;
  unavailable?: Unavailable;
}

export interface ProcessListing extends ProcessIdentity {
  agent: boolean;
  attachable: boolean;
  reason?: string;
  cpuPercent: number | null;
  rssBytes: number | null;
  pools: number;
}

/** Why a recording ended: its time was over, somebody ended it, or the process or program did. */
export type RecordingEnd = 'duration' | 'interrupted' | 'gone' | 'exited';

/** A column of a recording, as it went while this command ran. */
export interface RecordedSeries {
  column: string;
  first: number;
  last: number;
  lowest: number;
  highest: number;
}

/** What was recorded by one run of `memtool record`. */
export interface ProcessRecording extends ProcessIdentity {
  /** As it was given, or in the current directory. */
  file: string;
  format: 'jsonl' | 'csv';
  /** Size of the file. */
  bytes: number;
  intervalMs: number;
  seconds: number;
  samples: number;
  /** Of `samples`, those in which only the system has told something. */
  samplesWithoutAgent: number;
  /** It went on with what was in the file. */
  resumed: boolean;
  /** Under the same name, under another pid. */
  restarts: number;
  /** Times in which nothing could be recorded. */
  gaps: number;
  /** How often every second sample of the older half was left out, to keep the file below its bound. */
  thinnings: number;
  end: RecordingEnd;
  /** Of the program that `memtool record` had started. */
  exitCode?: number;
  /** Columns that had a figure. */
  series: RecordedSeries[];
  /** There were more pools than there is room for columns. */
  columnsLeftOut?: boolean;
  /** Why nothing more was recorded, while the program went on. */
  error?: ReportedError;
}

/** One target that failed while others answered. */
export interface ProcessFailure {
  pid: number;
  name: string;
  error: ReportedError;
}

export interface ReportedError {
  code: string;
  message: string;
  hint: string | null;
}

interface Document<Command extends CommandName, Process> {
  schemaVersion: typeof SCHEMA_VERSION;
  command: Command;
  processes: (Process | ProcessFailure)[];
}

/** What `memtool attach` and `memtool detach` did. */
export interface ProcessAttachment extends ProcessIdentity {
  /** Whether it has an agent now. */
  agent: boolean;
  /** Whether that is new. */
  changed: boolean;
  /** Its inspector was open before, and is open still. */
  inspectorWasOpen: boolean;
  socket: string | null;
}

export type AttachReport = Document<'attach', ProcessAttachment>;
export type DetachReport = Document<'detach', ProcessAttachment>;
export type StatsReport = Document<'stats', ProcessStats>;
export type PressureReport = Document<'pressure', ProcessPressure> & { level: Level };
export type LeaksReport = Document<'leaks', ProcessLeaks> & { ageSeconds: number };
export type CleanupReport = Document<'cleanup', ProcessCleanup> & { ageSeconds: number; dryRun: boolean };
export type ProfileReport = Document<'profile', ProcessExport>;
export type RecordReport = Document<'record', ProcessRecording>;
/** Of one process all that is known; without a target, a line of each. */
export type LastReport = Document<'last', ProcessLast | LastListing>;
export type ProcessesReport = Document<'ps', ProcessListing>;

/** One component of a plan. */
export interface PlannedComponent {
  name: string;
  where: 'heap' | 'external' | 'pool';
  pool: string | null;
  /** Bounded by the limit of the V8 heap, also when a pool accounts for it. */
  onHeap: boolean;
  count: number;
  /** What `count` is multiplied by. */
  per: { name: string; count: number }[];
  /** Of what all units use the same. */
  sharedBy: { name: string; count: number } | null;
  /** `count` times all of `per`. */
  units: number;
  unitBytes: number;
  bytes: number;
  /** Of all components. */
  sharePercent: number;
  /** With units half as large. */
  halvingSavesBytes: number;
}

/** A quantity that components of a plan are multiplied by. */
export interface PlannedCount {
  name: string;
  count: number;
  /** Rounded up. */
  halfCount: number;
  halvingSavesBytes: number;
}

export interface PlanSaving {
  /** A count is halved, or the unit size of a component. */
  kind: 'count' | 'component';
  name: string;
  savedBytes: number;
  /** Whether the limit holds then. */
  isEnough: boolean;
}

export interface PlannedLimit {
  kind: 'pool' | 'heap' | 'container';
  name: string;
  /** As planned, with `headroomBytes`. */
  usedBytes: number;
  /** Of a container: for code, stacks and what V8 and the allocator keep; 0 otherwise. */
  headroomBytes: number;
  limitBytes: number | null;
  usedPercent: number | null;
  level: Level;
  overBytes: number;
  /** What saves most of it; `null` when it is not over. */
  bestSaving: PlanSaving | null;
}

/** What `memtool budget` makes of a plan; it asks no process. */
export interface BudgetReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: 'budget';
  processes: [];
  file: string;
  name: string | null;
  /** The worst of `limits`. */
  level: Level;
  /** Whether a limit does not hold. */
  isOver: boolean;
  /** All components. */
  plannedBytes: number;
  headroomBytes: number;
  /** Largest first. */
  components: PlannedComponent[];
  /** Largest saving first. */
  counts: PlannedCount[];
  /** Fullest first. */
  limits: PlannedLimit[];
  /** What is wrong beside a limit that does not hold, as sentences. */
  warnings?: string[];
}

/** `missing`: it could not be measured, which is a failure: a phase that was renamed must not pass. */
export type CheckStatus = 'ok' | 'no-limit' | 'over' | 'above-baseline' | 'missing';

/** One budget, and what was measured. */
export interface CheckRow {
  name: string | null;
  /** `null` for the program as a whole. */
  phase: string | null;
  size: string | null;
  metric: 'peakRss' | 'endRss' | 'heapAfterGc' | 'poolPeak' | 'growthPerMinute' | 'notFreed';
  pool: string | null;
  limitBytes: number | null;
  baseline: { medianBytes: number; madBytes: number; runs: number } | null;
  /** By how much it may be above the baseline. */
  toleranceBytes: number | null;
  /** Median of `runsBytes`; `null` when it is missing. */
  measuredBytes: number | null;
  /** Median of their distances from it. */
  madBytes: number | null;
  runsBytes: number[];
  status: CheckStatus;
  /** Why it is missing. */
  reason?: string;
}

/** What `memtool check` has measured; its processes have ended. */
export interface CheckReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: 'check';
  processes: [];
  file: string;
  program: string[];
  runs: number;
  /** Whether the file now has what was measured. */
  updated: boolean;
  passed: boolean;
  rows: CheckRow[];
}

/** What `--json` prints when the command as a whole failed. */
export interface ErrorReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: CommandName | null;
  processes: [];
  error: ReportedError;
}

export function isFailure(process: object): process is ProcessFailure {
  return 'error' in process;
}

export function isScopeSort(text: string): text is ScopeSort {
  return Object.hasOwn(SCOPE_SORTS, text);
}
