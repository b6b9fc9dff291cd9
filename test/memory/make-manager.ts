import { onTestFinished } from 'vitest';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { MemoryManager } from '../../src/memory/manager.ts';
import type { PoolStats } from '../../src/report/stats.ts';
import { ManualClock } from './manual-clock.ts';

/** The smallest table of records there is. */
export const RECORDS_SMALLEST = 1024;

/** A manager without an agent, with a small table and a clock that stands still. */
export function makeManager(options: MemoryManagerOptions = {}): { memory: MemoryManager; clock: ManualClock } {
  const clock = new ManualClock();
  const memory = new MemoryManager(
    { name: 'test', agent: false, autoCleanup: false, recordsMax: RECORDS_SMALLEST, ...options },
    clock,
  );
  onTestFinished(() => memory.close());
  return { memory, clock };
}

/** The code of the error that it throws, or what it returned instead. */
export function codeOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

/** What `pools()` says of one pool. */
export function poolStats(memory: MemoryManager, name: string): PoolStats {
  const stats = memory.stats().pools.find((pool) => pool.name === name);
  if (stats === undefined) throw new Error(`no pool ${name}`);
  return stats;
}

/** For `expect`: a handle that a failure would print drags the whole ledger along. */
export function isGranted(handle: object | undefined): boolean {
  return handle !== undefined;
}

// oxlint-disable typescript/no-unnecessary-type-parameters -- an assertion with a name
/** Passes what TypeScript would not let through, as a program without types can. */
export function wrong<Wanted>(value: unknown): Wanted {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return value as Wanted;
}
