import { MemoryManager } from 'memtool';
import { pooledMemory } from '../../src/demo/pooled-memory.ts';
import type { WorkingMemory } from '../../src/demo/working-memory.ts';

export interface TestPools {
  memory: WorkingMemory;
  manager: MemoryManager;
  /** Of each pool. */
  used: () => Record<string, number>;
}

/** Real pools with limits of the test's own, and nothing that runs beside it. */
export function testPools(limits: { query?: number; cache?: number; temp?: number } = {}): TestPools {
  const pools = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, { limit }]));
  const manager = new MemoryManager({ name: 'test', agent: false, autoCleanup: false, pools });
  return {
    manager,
    memory: pooledMemory(manager),
    used: () => Object.fromEntries(manager.pools.map(({ name, usedBytes }) => [name, usedBytes])),
  };
}
