import type { MemoryPool } from './pool.ts';
import { errorText, withinTime } from './within-time.ts';

/**
 * Asked when the account is under pressure to give back about `targetBytes`. Returns the bytes it gave back, or a promise
 * of them.
 */
export type Reclaimer = (targetBytes: number) => number | Promise<number>;

/** A reclaimer that does not answer in this time is reported and no longer waited for. */
const RECLAIM_MS_MAX = 2000;

export interface ReclaimOutcome {
  pool: MemoryPool;
  count: number;
  bytes: number;
  /** Why a reclaimer gave nothing, as a sentence. */
  problem?: string;
}

/** What the application registered with `onReclaim`, by pool. */
export class Reclaimers {
  private readonly byPool = new Map<MemoryPool, Set<Reclaimer>>();

  add(pool: MemoryPool, reclaimer: Reclaimer): () => void {
    const reclaimers = this.byPool.get(pool) ?? new Set();
    this.byPool.set(pool, reclaimers.add(reclaimer));
    return () => void reclaimers.delete(reclaimer);
  }

  count(pool: MemoryPool): number {
    return this.byPool.get(pool)?.size ?? 0;
  }

  /** Asks a pool's reclaimers in turn until `targetBytes` are given back. What one throws is reported, never passed on. */
  async ask(pool: MemoryPool, targetBytes: number): Promise<ReclaimOutcome> {
    const outcome: ReclaimOutcome = { pool, count: 0, bytes: 0 };
    for (const reclaimer of this.byPool.get(pool) ?? []) {
      if (outcome.bytes >= targetBytes) break;
      try {
        const freed = await withinTime(reclaimer(targetBytes - outcome.bytes), RECLAIM_MS_MAX);
        if (!Number.isFinite(freed) || freed < 0)
          outcome.problem = `A reclaimer of ${pool.name} returned ${String(freed)} instead of the bytes it freed.`;
        else if (freed > 0) {
          outcome.count += 1;
          outcome.bytes += freed;
        }
      } catch (error) {
        outcome.problem = `A reclaimer of ${pool.name} failed: ${errorText(error)}.`;
      }
    }
    return outcome;
  }
}
