/**
 * A query thread of the demo service: joins the manager of the main thread, and runs in its pools and under its limits what
 * it is asked to.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MemoryManager } from 'memtool';
import { collectGarbage } from './collect-garbage.ts';
import { Engine } from './engine.ts';
import { pooledMemory } from './pooled-memory.ts';
import { Table } from './table.ts';
import type { QueryAnswer, ThreadAnswer, ThreadData, ThreadRequest } from './thread-messages.ts';
import type { QueryOwner } from './working-memory.ts';

const { memory: shared, tables, cacheBytesMax }: ThreadData = workerData;
const memory = MemoryManager.join(shared);
const working = pooledMemory(memory);
const engine = new Engine(
  working,
  tables.map(({ name, columns }) => new Table(name, columns)),
  { cacheBytesMax },
);
memory.onReclaim('cache', (targetBytes) => engine.cache.reclaim(targetBytes));

parentPort?.on('message', (request: ThreadRequest) => {
  switch (request.type) {
    case 'query':
      return answer(run(request.owner, request.text));
    case 'collect-garbage':
      return void collectGarbage().then(() => answer({ kind: 'collected' }));
  }
});

function answer(message: ThreadAnswer): void {
  parentPort?.postMessage(message);
}

function run(owner: QueryOwner, text: string): QueryAnswer {
  const outcome = working.inQuery(owner, () => engine.run(text, (page) => page.rowCount));
  return outcome.kind === 'answered' ? { kind: 'answered', rowCount: outcome.value } : outcome;
}
