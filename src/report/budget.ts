import type { SCHEMA_VERSION } from './document.ts';
import type { Level } from './level.ts';

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
