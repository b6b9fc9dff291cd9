import type { Totals } from './totals.ts';

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
