import { DEFAULT_THRESHOLDS, nextLevel } from '../../src/memory/level.ts';
import type { Level } from '../../src/report/level.ts';

/** What a pool must say of itself, kept with plain arithmetic. */
export class ModelPool {
  readonly limitBytes: number;
  usedBytes = 0;
  peakBytes = 0;
  rejections = 0;
  allocations = 0;
  live = 0;
  level: Level = 'normal';

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  charge(bytes: number): void {
    this.usedBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes);
    this.settle();
  }

  discharge(bytes: number): void {
    this.usedBytes -= bytes;
    this.settle();
  }

  private settle(): void {
    this.level = nextLevel(this.level, this.usedBytes, this.limitBytes, DEFAULT_THRESHOLDS);
  }
}

/** What became of a handle. `lost`: dropped and found by the collector, but not yet released. */
export type ModelState = 'held' | 'freed' | 'revoked' | 'lost' | 'gone';

export interface ModelHandle {
  kind: 'reservation' | 'allocation';
  pool: number;
  bytes: number;
  birthSeconds: number;
  /** Whether the table had room for it. */
  isRecorded: boolean;
  state: ModelState;
}
