/** Several sides of one manager in the thread of the test: what threads do, one step after the other. */
import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryManagerOptions } from '../../../src/memory/manager-options.ts';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { MemoryPool } from '../../../src/memory/pool.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { RECORDS_SMALLEST } from '../make-manager.ts';
import { ManualClock } from '../manual-clock.ts';

/** Enough for each of a few threads to have a segment of its own. */
const RECORDS: number = 16 * RECORDS_SMALLEST;

export interface Sides {
  /** The maker. */
  memory: MemoryManager;
  /** Those that have joined it. */
  other: MemoryManager;
  third: MemoryManager;
  all: MemoryManager[];
  clock: ManualClock;
}

/**
 * A manager with a clock that stands still, and two that have joined it.
 *
 * @param areHandlesKept see `keepHandles`
 */
export function makeSides(options: MemoryManagerOptions = {}, areHandlesKept = true): Sides {
  const clock = new ManualClock();
  const memory = new MemoryManager(
    { name: 'test', agent: false, autoCleanup: false, recordsMax: RECORDS, ...options },
    clock,
  );
  const other = joinSide(memory, clock, areHandlesKept);
  const third = joinSide(memory, clock, areHandlesKept);
  onTestFinished(() => memory.close());
  if (areHandlesKept) keepHandles(memory);
  return { memory, other, third, all: [memory, other, third], clock };
}

/**
 * Keeps what the pools hand out until the test is over: what it drops would be lost, and what is lost is released before
 * anything is refused.
 */
export function keepHandles(side: MemoryManager): void {
  const kept: unknown[] = [];
  onTestFinished(() => void kept.splice(0));
  for (const pool of side.pools) {
    pool.reserve = (...given) => {
      const handle = MemoryPool.prototype.reserve.apply(pool, given);
      kept.push(handle);
      return handle;
    };
    pool.allocate = (...given) => {
      const handle = MemoryPool.prototype.allocate.apply(pool, given);
      kept.push(handle);
      return handle;
    };
  }
}

export function joinSide(memory: MemoryManager, clock: ManualClock, areHandlesKept = true): MemoryManager {
  const joined = MemoryManager.join(memory.share(), clock);
  onTestFinished(() => joined.close());
  if (areHandlesKept) keepHandles(joined);
  return joined;
}

/** Nothing is held in advance any more. */
export async function turnEnds(): Promise<void> {
  await setImmediate();
}

/** As it comes out of a message. */
export function posted(sent: TransferredMemory): TransferredMemory {
  return structuredClone(sent);
}

export function receiveReservation(memory: MemoryManager, sent: TransferredMemory): MemoryReservation {
  const received = memory.receive(posted(sent));
  if (received === undefined || 'bytes' in received) throw new Error('not received');
  return received;
}

export function receiveAllocation(memory: MemoryManager, sent: TransferredMemory): MemoryAllocation {
  const received = memory.receive(posted(sent));
  if (received === undefined || !('bytes' in received)) throw new Error('not received');
  return received;
}
