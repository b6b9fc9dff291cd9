import { readMemoryMap, type MappedMemory } from '../inspect/memory-map.ts';
import { reconcile } from '../inspect/resident.ts';
import type { ResidentMemory } from '../report/resident.ts';
import type { ProcessStats } from '../report/stats.ts';

/** The kernel takes 10 ms for the map of a gigabyte: a watch does not ask for it at every look. */
const READ_EVERY_SECONDS = 10;

/** The maps of the processes that are looked at. */
export class ResidentMaps {
  readonly #known = new Map<number, { map: MappedMemory; atSeconds: number }>();

  /** @returns `undefined` where the system does not tell */
  read(found: ProcessStats, isNode: boolean): ResidentMemory | undefined {
    const now = performance.now() / 1000;
    const known = this.#known.get(found.pid);
    const isFresh = known !== undefined && now - known.atSeconds < READ_EVERY_SECONDS;
    const map = isFresh ? known.map : readMemoryMap(found.pid);
    if (map === undefined) return undefined;
    if (!isFresh) this.#known.set(found.pid, { map, atSeconds: now });
    return reconcile(map, found, isNode);
  }
}
