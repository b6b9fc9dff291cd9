import { isFailure } from '../report/document.ts';
import type { PressureReport } from '../report/pressure.ts';
import type { ResidentMemory } from '../report/resident.ts';
import type { StatsReport } from '../report/stats.ts';

/** Remembers what `--watch` saw first, and says how much each figure has grown since. */
export class SinceStart {
  readonly #first = new Map<string, number>();

  /** Fills in the growth of what the process holds. */
  noteStats({ processes }: StatsReport): void {
    for (const found of processes) {
      if (isFailure(found)) continue;
      for (const pool of found.pools) {
        pool.growthBytes = this.#growth([found.pid, pool.kind, pool.manager, pool.name], pool.usedBytes);
      }
      if (found.resident) this.#noteResident(found.pid, found.resident);
    }
  }

  notePressure({ processes }: PressureReport): void {
    for (const found of processes) {
      if (isFailure(found)) continue;
      for (const one of found.resources) {
        one.growthBytes = this.#growth([found.pid, one.kind, one.manager, one.name], one.usedBytes);
      }
    }
  }

  #noteResident(pid: number, { rows }: ResidentMemory): void {
    for (const row of rows) row.growthBytes = this.#growth([pid, 'resident', row.name], row.bytes);
  }

  #growth(key: readonly unknown[], bytes: number): number {
    const text = JSON.stringify(key);
    const first = this.#first.get(text);
    if (first !== undefined) return bytes - first;
    this.#first.set(text, bytes);
    return 0;
  }
}
