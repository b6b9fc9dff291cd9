import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { instantiateWasm } from '../../src/memory/wasm/wasm-instance.ts';
import { chargeWasmMemory, makeWasmMemory } from '../../src/memory/wasm/wasm-memory.ts';
import { codeOf, makeManager, poolStats, wrong } from './make-manager.ts';
import { imports, moduleBytes, PAGE, wasm, type Exports, type ModuleShape } from './wasm-module.ts';

function make(options: MemoryManagerOptions = {}) {
  const { memory } = makeManager(options);
  const pool = memory.pool('query');
  const instantiate = async (shape: ModuleShape = {}, env: Record<string, unknown> = {}) =>
    instantiateWasm<Exports>(pool, moduleBytes(shape), imports(env), { tag: 'plugin' });
  return { memory, pool, instantiate };
}

/** The same module as a `WebAssembly.Module`, as plain bytes and as a Buffer in the middle of something larger. */
const SOURCES = {
  module: (bytes: Uint8Array) => new wasm.Module(bytes),
  'ArrayBuffer of bytes': (bytes: Uint8Array) => Uint8Array.from(bytes).buffer,
  'SharedArrayBuffer of bytes': (bytes: Uint8Array) => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    return shared.buffer;
  },
  'Buffer of bytes': (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(5), bytes]).subarray(5),
};

function failing(): never {
  throw new RangeError('from the start function');
}

describe('an instance', () => {
  test.each(Object.entries(SOURCES))('made of a %s is charged with its memory and its growth', async (_, sourceOf) => {
    const { memory, pool } = make();
    await memory.query('q-1', {}, async (query) => {
      const source = sourceOf(moduleBytes({ initial: 2 }));
      const { exports, instance, module, memories } = await instantiateWasm<Exports>(pool, source, imports());
      expect(query.usedBytes).toBe(2 * PAGE);
      expect([exports.grow(1), query.usedBytes]).toEqual([2, 3 * PAGE]);
      expect([exports.memory.grow(1), query.usedBytes]).toEqual([3, 4 * PAGE]);
      expect(memories.map((one) => one.memory === exports.memory)).toEqual([true]);
      expect(instance.exports['memory']).toBe(exports.memory);
      expect(module).toBeInstanceOf(wasm.Module);
      memories[0]?.free();
      expect([query.usedBytes, pool.usedBytes]).toEqual([0, 0]);
    });
  });

  test('cannot take more than the limits left free when it was made: the instruction fails', async () => {
    const { memory, pool, instantiate } = make();
    await memory.query('q-1', { user: 'ana', limit: 8 * PAGE }, async (query) => {
      const rows = pool.reserveOrThrow(PAGE);
      await memory.procedure('parse', { limit: 20 * PAGE }, async (procedure) => {
        const { exports } = await instantiate({ initial: 2, maximum: 100 });
        expect(exports.grow(6)).toBe(-1);
        expect(exports.grow(5)).toBe(2);
        expect([procedure.usedBytes, query.usedBytes]).toEqual([7 * PAGE, 8 * PAGE]);
        expect(exports.grow(1)).toBe(-1);
        expect(poolStats(memory, 'query').rejections).toBe(0);
      });
      rows.free();
    });
  });

  test('of a compiled module is refused what it took over the limit', async () => {
    const { memory, pool } = make();
    await memory.query('q-1', { limit: 4 * PAGE }, async (query) => {
      const { exports } = await instantiateWasm<Exports>(pool, new wasm.Module(moduleBytes()), imports());
      expect(() => exports.grow(4)).toThrow(MemoryLimitError);
      expect([query.usedBytes, pool.usedBytes]).toEqual([PAGE, 5 * PAGE]);
    });
  });

  test('is not made without room for its memory, and leaves nothing charged', async () => {
    const { memory, pool, instantiate } = make({ pools: { query: { limit: 3 * PAGE } } });
    let isStarted = false;
    const host = (): void => void (isStarted = true);
    const made = instantiate({ initial: 4, startPages: 0 }, { host });
    await expect(made).rejects.toMatchObject({ code: 'MEMTOOL_LIMIT', account: 'query', askedBytes: 4 * PAGE });
    expect(isStarted).toBe(false);
    // Of a compiled module this is known only afterwards.
    const module = new wasm.Module(moduleBytes({ initial: 4 }));
    await expect(instantiateWasm(pool, module, imports())).rejects.toBeInstanceOf(MemoryLimitError);
    expect([pool.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 0]);
  });

  test('that cannot be made fails as without memtool, and leaves nothing charged', async () => {
    const { memory, pool, instantiate } = make();
    const failures = [
      instantiateWasm(pool, moduleBytes().subarray(0, 30), imports()),
      instantiateWasm(pool, moduleBytes(), {}),
      instantiateWasm(pool, new Uint8Array(0)),
      instantiateWasm(pool, wrong('text'), imports()),
      instantiate({ startPages: 1 }, { host: failing }),
    ];
    const names = (await Promise.allSettled(failures)).map((one) => one.status === 'rejected' && one.reason.name);
    expect(names).toEqual(['CompileError', 'TypeError', 'CompileError', 'TypeError', 'RangeError']);
    expect([pool.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 0]);
  });

  test('runs its start function in the scope it is made in, which pays for what that takes', async () => {
    const { memory, pool, instantiate } = make();
    const seen: unknown[] = [];
    const host = (): void => {
      seen.push(memory.activeScope?.name);
      pool.reserve(100);
    };
    await memory.query('q-1', { limit: 9 * PAGE }, async (query) => {
      await instantiate({ startPages: 3 }, { host });
      expect(query.usedBytes).toBe(4 * PAGE + 100);
      await instantiate({ startPages: 7 }, { host });
      // The instruction failed: the module had no room for as many.
      expect(query.usedBytes).toBe(5 * PAGE + 200);
    });
    const ana = memory.openUser('ana');
    const source = new wasm.Module(moduleBytes({ startPages: 1 }));
    await instantiateWasm(pool, source, imports({ host }), { scope: ana });
    expect([seen, ana.usedBytes]).toEqual([['q-1', 'q-1', 'ana'], 2 * PAGE + 100]);
  });

  test('whose start function takes more than a limit allows is not made', async () => {
    const { memory, pool } = make();
    await memory.query('q-1', { limit: 3 * PAGE }, async (query) => {
      const module = new wasm.Module(moduleBytes({ startPages: 3 }));
      await expect(instantiateWasm(pool, module, imports())).rejects.toBeInstanceOf(MemoryLimitError);
      expect([query.usedBytes, pool.usedBytes]).toEqual([0, 0]);
    });
  });

  test('is charged for a memory that it keeps to itself, but only as bytes', async () => {
    const { memory, pool, instantiate } = make();
    await memory.query('q-1', { limit: 4 * PAGE }, async (query) => {
      const { exports, memories } = await instantiate({ isExported: false });
      expect(Object.keys(exports)).toEqual(['grow', 'trap', 'callHost', 'promise', 'growToo']);
      expect(exports.grow(2)).toBe(1);
      expect([query.usedBytes, memories.length]).toEqual([3 * PAGE, 1]);
      expect(exports.grow(2)).toBe(-1);
      const module = new wasm.Module(moduleBytes({ isExported: false }));
      const hidden = await instantiateWasm<Exports>(pool, module, imports());
      expect([hidden.exports.grow(2), hidden.memories.length, query.usedBytes]).toEqual([1, 0, 3 * PAGE]);
    });
  });

  test('is charged for the memory that it imports, once', async () => {
    const { memory, pool, instantiate } = make();
    const own = new wasm.Memory({ initial: 1 });
    const shape = { isImported: true };
    const first = await instantiate(shape, { memory: own });
    const second = await instantiate({ ...shape, isExported: false }, { memory: own });
    expect([pool.usedBytes, first.memories[0] === second.memories[0]]).toEqual([PAGE, true]);
    expect(first.exports.memory).toBe(own);
    memory.query('q-1', {}, (query) => {
      second.exports.grow(2);
      expect([query.usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 3 * PAGE]);
    });
    const made = makeWasmMemory(memory.pool('cache'), { initial: 1 });
    const third = await instantiate(shape, { memory: made.memory });
    third.exports.grow(1);
    expect([memory.pool('cache').usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 3 * PAGE]);
  });

  test('frees what it charged, and nothing else', async () => {
    const { pool, instantiate } = make();
    const known = makeWasmMemory(pool, { initial: 1 });
    const plugin = await instantiate({ initial: 2 });
    const importing = await instantiate({ isImported: true }, { memory: known.memory });
    importing.free();
    plugin.free();
    plugin.free();
    plugin[Symbol.dispose]();
    expect([pool.usedBytes, known.isHeld, plugin.memories[0]?.isHeld]).toEqual([PAGE, true, false]);
  });

  test('that cannot be made gives back what was charged for its imported memory, unless that was before', async () => {
    const { pool, instantiate } = make();
    const memories = [new wasm.Memory({ initial: 1 }), new wasm.Memory({ initial: 1 })];
    const [known, unknown] = memories;
    if (known !== undefined) chargeWasmMemory(pool, known);
    const made = memories.map(async (one) =>
      instantiate({ isImported: true, startPages: 0 }, { memory: one, host: failing }),
    );
    expect((await Promise.allSettled(made)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(pool.usedBytes).toBe(PAGE);
    expect(Object.getOwnPropertyNames(unknown)).toEqual([]);
  });

  test('may share its memory with threads', async () => {
    const { memory, instantiate } = make({ pools: { query: { limit: 5 * PAGE } } });
    const { exports } = await instantiate({ isShared: true, maximum: 100 });
    memory.query('q-1', {}, (query) => {
      expect(exports.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
      expect([exports.grow(2), query.usedBytes]).toEqual([1, 2 * PAGE]);
      expect([exports.grow(3), query.usedBytes]).toEqual([-1, 2 * PAGE]);
    });
  });

  test('may call another that shares its memory', async () => {
    const { memory, pool, instantiate } = make();
    const callee = await instantiate();
    const host = (): void => void callee.exports.grow(1);
    const shape = { isImported: true, isExported: false };
    const caller = await instantiate(shape, { memory: callee.exports.memory, host });
    memory.query('q-1', {}, (query) => {
      caller.exports.callHost(2);
      expect([query.usedBytes, pool.usedBytes]).toEqual([3 * PAGE, 4 * PAGE]);
    });
  });

  test('is refused after close(), and in a scope that has ended or is another manager`s', async () => {
    const { memory, pool, instantiate } = make();
    const query = memory.openQuery('q-1');
    query.close();
    const inScope = async (scope: typeof query) => instantiateWasm(pool, moduleBytes(), imports(), { scope });
    await expect(inScope(query)).rejects.toMatchObject({ code: 'MEMTOOL_SCOPE_ENDED' });
    await expect(inScope(makeManager().memory.openQuery('q'))).rejects.toMatchObject({
      code: 'MEMTOOL_INVALID_OPTION',
    });
    const { exports } = await instantiate();
    memory.close();
    await expect(instantiate()).rejects.toMatchObject({ code: 'MEMTOOL_CLOSED' });
    expect(exports.grow(0)).toBe(1);
    expect(codeOf(() => exports.grow(1))).toBe('MEMTOOL_CLOSED');
  });
});
