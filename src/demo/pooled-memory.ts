import type { MemoryManager } from 'memtool';
import type { WorkingMemory } from './working-memory.ts';

/** The engine on memtool's three default pools: accounted, bounded and visible from the shell. */
export function pooledMemory(memory: MemoryManager): WorkingMemory {
  return { query: memory.pool('query'), cache: memory.pool('cache'), temp: memory.pool('temp') };
}
