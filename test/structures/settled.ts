import { setImmediate } from 'node:timers/promises';
import type { BoundedCache } from '../../src/structures/bounded-cache.ts';

/** So many turns without work are enough for a compressor that has none left. */
const IDLE_TURNS = 4;

/** Waits until a cache compresses nothing any more. */
export async function settled(cache: Pick<BoundedCache<string, string>, 'workBytes'>): Promise<void> {
  for (let idle = 0; idle < IDLE_TURNS; idle += 1) {
    // oxlint-disable-next-line no-await-in-loop -- the work goes on between turns
    await setImmediate();
    if (cache.workBytes > 0) idle = -1;
  }
}
