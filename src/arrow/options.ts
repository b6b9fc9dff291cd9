import type { MemoryPool } from '../memory/pool.ts';
import type { ReserveOptions } from '../memory/pool-options.ts';

export interface TrackOptions extends ReserveOptions {
  /** What is charged. */
  pool: MemoryPool;
}
