import type {
  WorkingAllocation,
  WorkingMemory,
  WorkingOptions,
  WorkingPool,
  WorkingReservation,
} from './working-memory.ts';

/** What everybody does without pools: a Buffer each time, no limit, no account, and the GC finds out when it is over. */
class PlainPool implements WorkingPool {
  allocate(size: number, options?: WorkingOptions): WorkingAllocation {
    return this.allocateOrThrow(size, options);
  }

  allocateOrThrow(size: number, options?: WorkingOptions): WorkingAllocation {
    return { bytes: options?.zero ? Buffer.alloc(size) : Buffer.allocUnsafeSlow(size), size, free: nothing };
  }

  reserve(size: number): WorkingReservation {
    return this.reserveOrThrow(size);
  }

  reserveOrThrow(size: number): WorkingReservation {
    return { size, free: nothing };
  }
}

function nothing(): void {}

/** The engine without memtool: the baseline of the benchmark. */
export function plainMemory(): WorkingMemory {
  const pool = new PlainPool();
  return { query: pool, cache: pool, temp: pool, inQuery: (_, run) => run() };
}
