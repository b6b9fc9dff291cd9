import type { ScopeKind } from '../../report/scopes.ts';

/** What a scope that has ended still holds, by tag. */
export interface OrphanedMemory {
  tag: string | null;
  count: number;
  bytes: number;
  oldestAgeSeconds: number;
}

/** What a scope was, once it has ended. */
export interface EndedScope {
  kind: ScopeKind;
  name: string;
  user: string | null;
  transaction: string | null;
  peakBytes: number;
  /** All that was ever taken in it, and how often. */
  takenBytes: number;
  takenCount: number;
  rejections: number;
  durationSeconds: number;
  /** Still held when it ended. */
  leftBytes: number;
  leftCount: number;
}
