import type { Document, ProcessIdentity, Unavailable } from './document.ts';
import type { LeakKind } from './leaks.ts';
import type { Totals } from './totals.ts';

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

export type CleanupReport = Document<'cleanup', ProcessCleanup> & { ageSeconds: number; dryRun: boolean };
