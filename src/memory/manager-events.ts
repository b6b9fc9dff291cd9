import type { Level } from '../report/level.ts';
import type { Account } from './account.ts';
import type { ManagerCleanup } from './registry.ts';
import type { OrphanedEvent } from './scope/orphans.ts';

export interface PressureEvent {
  account: Account;
  level: Level;
  previous: Level;
  usedBytes: number;
  limitBytes: number;
  usedPercent: number;
}

export interface CleanupEvent extends ManagerCleanup {
  /** `pressure`: auto-cleanup ran; `stale`: a pool with `staleAfter` took what was too old; `request`: `cleanup()` was called, from the program or by `memtool cleanup`. */
  cause: 'pressure' | 'stale' | 'request';
}

export interface MemoryManagerEvents {
  pressure: [event: PressureEvent];
  cleanup: [event: CleanupEvent];
  /** A scope has ended that still holds something; at most a second later. */
  orphaned: [event: OrphanedEvent];
}
