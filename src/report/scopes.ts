import type { Level } from './level.ts';

export type ScopeKind = 'query' | 'transaction' | 'user' | 'procedure';

/** What scopes can be put in order by, largest first, and the figure that each means. */
export const SCOPE_SORTS = { used: 'usedBytes', peak: 'peakBytes', age: 'ageSeconds' } as const;

export type ScopeSort = keyof typeof SCOPE_SORTS;

/** A process may have thousands of scopes open; a report has at most these. */
export const SCOPES_LISTED_MAX = 1000;

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

export interface LeakScope {
  kind: ScopeKind;
  name: string;
  user: string | null;
  transaction: string | null;
}

export function isScopeSort(text: string): text is ScopeSort {
  return Object.hasOwn(SCOPE_SORTS, text);
}
