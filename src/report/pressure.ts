import type { Document, ProcessIdentity, Unavailable } from './document.ts';
import type { Level } from './level.ts';

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

export type PressureReport = Document<'pressure', ProcessPressure> & { level: Level };
