import { Engine } from './engine.ts';
import { QueryMix } from './query-mix.ts';
import type { Table } from './table.ts';
import type { WorkingMemory } from './working-memory.ts';

/**
 * Runs the same batch of queries on any kind of memory, one after the other without a pause. For the benchmark: on
 * `pooledMemory(manager)` against on `plainMemory()` is what tracking costs.
 *
 * @returns Queries per second.
 */
export function measureThroughput(memory: WorkingMemory, table: Table, queryCount: number): number {
  const engine = new Engine(memory, [table]);
  const mix = new QueryMix(7);
  const texts = Array.from({ length: queryCount }, () => mix.ordinary());
  const startedMs = performance.now();
  for (const [index, text] of texts.entries()) {
    const outcome = memory.inQuery({ query: `q-${index}`, user: 'ana' }, () =>
      engine.run(text, (page) => page.rowCount),
    );
    if (outcome.kind === 'refused') throw new Error(`A refused query is no throughput: ${outcome.reason}`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  engine.cache.clear();
  return queryCount / seconds;
}
