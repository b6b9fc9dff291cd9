import type { Document, ProcessIdentity, Unavailable } from './document.ts';

/** From what ends the process soonest to what is only worth knowing. */
export const SEVERITIES = ['critical', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** `certain`: counted, or said by the system. `likely`: sampled or measured over a while. `possible`: other causes look the same. */
export const CERTAINTIES = ['certain', 'likely', 'possible'] as const;
export type Certainty = (typeof CERTAINTIES)[number];

export type FindingKind =
  | 'limit-near'
  | 'limit-soon'
  | 'heap-limit-near'
  | 'worker-heap-near'
  | 'container-near'
  | 'container-kills'
  | 'container-stalls'
  | 'heap-limit-too-high'
  | 'heap-limit-too-low'
  | 'machine-memory-low'
  | 'swapped-out'
  | 'lost'
  | 'orphaned'
  | 'stale'
  | 'heap-growth'
  | 'buffers-growth'
  | 'heap-cache'
  | 'rss-growth'
  | 'native-growth'
  | 'trend-unclear'
  | 'native-rest'
  | 'worker-heaps'
  | 'refusals'
  | 'oversized-pool'
  | 'idle-arena'
  | 'thread-stacks'
  | 'open-scopes'
  | 'kept-garbage'
  | 'gc-busy'
  | 'blocked'
  | 'no-agent'
  | 'agent-failed'
  | 'ended'
  | 'died-before'
  | 'watch-young'
  | 'heap-unread'
  | 'unrecorded';

export interface NextStep {
  /** A command line as it can be typed; `null` where there is none to give. */
  command: string | null;
  /** What it does, or what is to be done, as the end of a sentence that begins with the command. */
  why: string;
}

/** One thing that is wrong, or worth knowing. */
export interface Finding {
  kind: FindingKind;
  severity: Severity;
  certainty: Certainty;
  /** A sentence, with the figures that matter. */
  title: string;
  /** What it rests on; names carry their unit last. */
  evidence: Record<string, number | string>;
  /** Sentences; `null` where the title says it all. */
  cause: string | null;
  next: NextStep[];
  /** Where it leads to a limit: how soon, at the present growth. */
  secondsToLimit: number | null;
  /** What following it may give back, at most. */
  savesBytes: number | null;
}

/** What is the matter with a process, the worst first. */
export interface ProcessDiagnosis extends ProcessIdentity {
  rssBytes: number | null;
  /** Why most of it is not judged, as a sentence; what threatens or is certain is told all the same. */
  declined: string | null;
  findings: Finding[];
  /** What was looked at, in a few words each. */
  examined: string[];
  unavailable?: Unavailable;
}

export type DoctorReport = Document<'doctor', ProcessDiagnosis>;

/** What somebody should do something about. */
export function isSerious({ severity }: Finding): boolean {
  return severity !== 'note';
}
