/**
 * The reports: what the agent sends, what `--json` prints and what `render/` draws.
 *
 * The contract is additive only. Names carry their unit last; percentages are 0-100 and unrounded; `limitBytes` and what
 * follows from it is `null` without a limit, and `level` is then `normal`.
 */

/** Version of the JSON contract, in every object that `--json` prints. */
export const SCHEMA_VERSION = 1;

export type CommandName =
  | 'ps'
  | 'top'
  | 'stats'
  | 'pressure'
  | 'leaks'
  | 'cleanup'
  | 'profile'
  | 'budget'
  | 'check'
  | 'report'
  | 'last'
  | 'doctor'
  | 'metrics'
  | 'dashboard'
  | 'alerts'
  | 'attach'
  | 'detach'
  | 'run'
  | 'record'
  | 'completion'
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

export interface Document<Command extends CommandName, Process> {
  schemaVersion: typeof SCHEMA_VERSION;
  command: Command;
  processes: (Process | ProcessFailure)[];
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
