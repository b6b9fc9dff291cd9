import { getHeapStatistics } from 'node:v8';
import type { PhaseStats } from '../../report/stats.ts';
import { collectGarbage } from '../garbage-collection.ts';
import { checkName } from '../name.ts';
import type { MemoryPool } from '../pool.ts';
import { isThenable } from '../thenable.ts';
import { isMeasuring } from './measuring.ts';

/** A program has a handful; names that are made up as it runs must not fill the memory that they are to watch. */
const PHASES_MAX = 256;
const OTHERS = '(others)';

interface OpenPhase {
  name: string;
  startMs: number;
  heapUsedBytes: number;
  /** By pool. */
  usedBytes: Map<MemoryPool, number>;
  peakBytes: Map<MemoryPool, number>;
}

export interface PhaseOwner {
  readonly name: string;
  readonly pools: readonly MemoryPool[];
}

/**
 * What the program does by name, and what each takes: `memory.phase('refresh', fn)`.
 *
 * A pool's tally knows one peak. So whenever a phase begins or ends, the peak since the last such moment is noted for all that
 * are open, and counting starts anew: nested and overlapping phases each get theirs, and taking memory costs nothing more.
 */
export class Phases {
  private readonly owner: PhaseOwner;
  private readonly rows = new Map<string, PhaseStats>();
  private readonly open = new Set<OpenPhase>();

  constructor(owner: PhaseOwner) {
    this.owner = owner;
  }

  stats(): PhaseStats[] {
    return [...this.rows.values()].map((row) => ({
      ...row,
      pools: row.pools.map((pool) => ({ ...pool })),
      heapUsedBytes: [...row.heapUsedBytes],
    }));
  }

  run<Result>(name: string, fn: () => Result): Result {
    const phase = this.begin(name);
    let result: Result;
    try {
      result = fn();
    } catch (error) {
      this.end(phase, true);
      throw error;
    }
    if (!isThenable(result)) {
      this.end(phase, false);
      return result;
    }
    const pending = result;
    // Query builders are thenables that start when they are awaited, and once each time: so once.
    const promise = pending instanceof Promise ? pending : (async () => pending)();
    const ending = promise.then(
      (value: unknown) => {
        this.end(phase, false);
        return value;
      },
      (error: unknown) => {
        this.end(phase, true);
        throw error;
      },
    );
    // `then` gives a promise of the same result, and of the caller's kind if that is a promise.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return ending as Result;
  }

  private begin(name: string): OpenPhase {
    checkName(name, 'A phase');
    const row = this.rowOf(name);
    if (isMeasuring()) collectGarbage();
    this.notePeaks();
    const phase: OpenPhase = {
      name,
      startMs: performance.now(),
      heapUsedBytes: getHeapStatistics().used_heap_size,
      usedBytes: new Map(this.owner.pools.map((pool) => [pool, pool.ownBytes])),
      peakBytes: new Map(),
    };
    this.open.add(phase);
    row.running += 1;
    return phase;
  }

  private end(phase: OpenPhase, hasFailed: boolean): void {
    const durationMs = performance.now() - phase.startMs;
    if (isMeasuring()) collectGarbage();
    this.notePeaks();
    this.open.delete(phase);
    const row = this.rowOf(phase.name);
    const pools = this.owner.pools.map((pool) => ({
      name: pool.name,
      peakBytes: phase.peakBytes.get(pool) ?? 0,
      notFreedBytes: pool.ownBytes - (phase.usedBytes.get(pool) ?? 0),
    }));
    const notFreedBytes = pools.reduce((sum, pool) => sum + pool.notFreedBytes, 0);
    row.running -= 1;
    row.failures += hasFailed ? 1 : 0;
    row.durationMs = durationMs;
    row.longestMs = Math.max(row.longestMs, durationMs);
    row.heapUsedBytes = [phase.heapUsedBytes, getHeapStatistics().used_heap_size];
    row.notFreedBytes = notFreedBytes;
    row.notFreedMaxBytes = row.runs === 0 ? notFreedBytes : Math.max(row.notFreedMaxBytes, notFreedBytes);
    row.pools = pools.map((pool) => {
      const before = row.pools.find(({ name }) => name === pool.name);
      return { ...pool, peakBytes: Math.max(pool.peakBytes, before?.peakBytes ?? 0) };
    });
    row.runs += 1;
  }

  private notePeaks(): void {
    for (const pool of this.owner.pools) {
      const peakBytes = pool.restartPeak();
      for (const { peakBytes: peaks } of this.open) peaks.set(pool, Math.max(peaks.get(pool) ?? 0, peakBytes));
    }
  }

  private rowOf(name: string): PhaseStats {
    const found = this.rows.get(name);
    if (found !== undefined) return found;
    if (this.rows.size >= PHASES_MAX && name !== OTHERS) return this.rowOf(OTHERS);
    const row: PhaseStats = {
      manager: this.owner.name,
      name,
      runs: 0,
      running: 0,
      failures: 0,
      durationMs: 0,
      longestMs: 0,
      notFreedBytes: 0,
      notFreedMaxBytes: 0,
      heapUsedBytes: [0, 0],
      pools: [],
    };
    this.rows.set(name, row);
    return row;
  }
}
