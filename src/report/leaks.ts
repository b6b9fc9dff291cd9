import type { Document, ProcessIdentity, Unavailable } from './document.ts';
import type { RetainersReport } from './retainers.ts';
import type { LeakScope } from './scopes.ts';
import type { Totals } from './totals.ts';

export type LeakKind = 'lost' | 'orphaned' | 'stale' | 'growing';

export type Verdict = 'leak' | 'suspect' | 'cache' | 'undecided';

/** From the most certain leak to what is none. */
export const VERDICTS: readonly Verdict[] = ['leak', 'suspect', 'undecided', 'cache'];

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

/** What was lost in a pool and has been released since, by cleanup or for want of room: a leak all the same. */
export interface ReleasedLost extends Totals {
  manager: string;
  pool: string;
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

export type LeaksReport = Document<'leaks', ProcessLeaks> & { ageSeconds: number };
