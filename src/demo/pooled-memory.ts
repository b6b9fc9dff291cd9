import type { MemoryManager } from 'memtool';
import type { WorkingMemory, WorkingPool } from './working-memory.ts';

/** The engine on memtool's three default pools: accounted, bounded and visible from the shell. */
export function pooledMemory(memory: MemoryManager): WorkingMemory {
  return {
    query: memory.pool('query'),
    cache: untracked(memory),
    temp: memory.pool('temp'),
    inQuery: ({ query, ...owner }, run) => memory.query(query, owner, run),
  };
}

/** The cache's pages are made while a query runs and outlive it: charged to it, they would be orphaned when it ends. */
function untracked(memory: MemoryManager): WorkingPool {
  const pool = memory.pool('cache');
  return {
    allocate: (size, options) => memory.untracked(() => pool.allocate(size, options)),
    allocateOrThrow: (size, options) => memory.untracked(() => pool.allocateOrThrow(size, options)),
    reserve: (size, options) => memory.untracked(() => pool.reserve(size, options)),
    reserveOrThrow: (size, options) => memory.untracked(() => pool.reserveOrThrow(size, options)),
  };
}
