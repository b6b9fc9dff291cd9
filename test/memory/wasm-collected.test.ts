import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MemoryManager } from '../../src/memory/manager.ts';
import { instantiateWasm } from '../../src/memory/wasm/wasm-instance.ts';
import { chargeWasmMemory, makeWasmMemory } from '../../src/memory/wasm/wasm-memory.ts';
import { ManualClock } from './manual-clock.ts';
import { Collected } from './scope/collected.ts';
import { collectAll, collectUntil } from './collect.ts';
import { makeManager, poolStats } from './make-manager.ts';
import { imports, moduleBytes, PAGE, wasm, type Exports } from './wasm-module.ts';

function make() {
  const { memory } = makeManager();
  return { memory, pool: memory.pool('query') };
}

/** With a tag there is no stack, which would hold what it was taken in until the next tick. */
const TAGGED = { tag: 'plugin' };

describe('a charged WebAssembly memory that is forgotten', () => {
  test('gives its charge back when it is collected, and is not lost', async () => {
    const { memory, pool } = make();
    for (let nth = 0; nth < 20; nth += 1) {
      chargeWasmMemory(pool, new wasm.Memory({ initial: 1, maximum: 9 }), TAGGED).memory.grow(1);
      makeWasmMemory(pool, { initial: 1, maximum: 1 }, TAGGED);
    }
    const user = memory.openUser('ana');
    user.run(() => makeWasmMemory(pool, { initial: 1, maximum: 1 }, TAGGED).memory.grow(0));
    expect(pool.usedBytes).toBe(61 * PAGE);
    await collectUntil(() => pool.usedBytes === 0);
    await collectAll();
    expect([user.usedBytes, poolStats(memory, 'query').live, memory.leaks().leaks.length]).toEqual([0, 0, 0]);
    expect((await memory.cleanup()).reclaimed).toEqual([]);
  });

  test('gives back what queries made it grow by, open or not', async () => {
    const { memory, pool } = make();
    const open = memory.openQuery('q-1', { user: 'ana' });
    await memory.untracked(async () => {
      const { exports } = await instantiateWasm<Exports>(pool, moduleBytes(), imports(), TAGGED);
      open.run(() => exports.grow(2));
      memory.query('q-2', { user: 'bo' }, () => exports.grow(3));
    });
    expect([open.usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 6 * PAGE]);
    await collectUntil(() => pool.usedBytes === 0);
    expect([open.usedBytes, open.user?.usedBytes]).toEqual([0, 0]);
  });

  test('is charged for as long as its instance, one of its functions or a view of its bytes is held', async () => {
    const { pool } = make();
    const held: unknown[] = [];
    await holdParts(pool, held);
    await setImmediate();
    for (let parts = held.length; parts > 0; parts -= 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
      await collectAll();
      expect(pool.usedBytes).toBe(parts * PAGE);
      held.pop();
      const left = (parts - 1) * PAGE;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await collectUntil(() => pool.usedBytes === left);
    }
  });

  test('counts nothing anew when it was freed before', async () => {
    const { memory, pool } = make();
    makeWasmMemory(pool, { initial: 1 }, TAGGED).free();
    const held = pool.reserveOrThrow(10);
    await collectAll();
    expect([pool.usedBytes, poolStats(memory, 'query').live]).toEqual([10, 1]);
    held.free();
  });

  test('and was freed holds its manager no longer', async () => {
    const collected = new Collected();
    freeAndClose(collected);
    await collectUntil(() => collected.count === 1);
  });
});

/** A function of its own, which leaves nothing on the stack. */
function freeAndClose(collected: Collected): void {
  const memory = new MemoryManager({ agent: false }, new ManualClock());
  const { memory: object } = makeWasmMemory(memory.pool('query'), { initial: 1 }, TAGGED);
  chargeWasmMemory(memory.pool('query'), object).free();
  memory.close();
  collected.watch(memory);
  freed.push(object);
}

/** It is still there. */
const freed: object[] = [];

/** In a function of its own, which leaves nothing else behind. */
async function holdParts(pool: ReturnType<typeof make>['pool'], held: unknown[]): Promise<void> {
  const parts = async () => instantiateWasm<Exports>(pool, moduleBytes(), imports(), TAGGED);
  held.push((await parts()).instance);
  held.push(Object.values((await parts()).exports).find((value) => typeof value === 'function'));
  held.push((await parts()).instance.exports['grow']);
  held.push(new Uint8Array((await parts()).exports.memory.buffer, 8, 1));
  held.push((await parts()).memories);
  const shared = makeWasmMemory(pool, { initial: 1, maximum: 2, shared: true }, TAGGED);
  held.push(new Uint8Array(shared.memory.buffer, 8, 1));
}
