import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { chargeWasmMemory, makeWasmMemory } from '../../src/memory/wasm/wasm-memory.ts';
import { codeOf, makeManager, poolStats, wrong } from './make-manager.ts';
import { PAGE, plainExports, wasm } from './wasm-module.ts';

function make(options: MemoryManagerOptions = {}) {
  const { memory } = makeManager(options);
  return { memory, pool: memory.pool('query') };
}

function newMemory(initial: number, maximum = 100) {
  return new wasm.Memory({ initial, maximum });
}

describe('a WebAssembly memory that is charged', () => {
  test('counts with what it has and what it grows by, until it is freed', () => {
    const { memory, pool } = make();
    const object = newMemory(2);
    const charge = chargeWasmMemory(pool, object, { tag: 'plugin' });
    expect([charge.size, pool.usedBytes]).toEqual([2 * PAGE, 2 * PAGE]);
    expect(object.grow(3)).toBe(2);
    expect([charge.size, pool.usedBytes, object.buffer.byteLength]).toEqual([5 * PAGE, 5 * PAGE, 5 * PAGE]);
    expect(memory.leaks({ ageSeconds: 0 }).leaks.map(({ tag, bytes, count }) => [tag, bytes, count])).toEqual([]);
    charge.free();
    expect([charge.size, pool.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 0, 0]);
    expect(object.grow(1)).toBe(5);
    expect(pool.usedBytes).toBe(0);
  });

  test('that a limit refuses to let grow stays as it is', () => {
    const { pool } = make({ pools: { query: { limit: 4 * PAGE } } });
    const object = newMemory(2);
    const charge = chargeWasmMemory(pool, object);
    const { buffer } = object;
    const before = pool.usedBytes;
    expect(() => object.grow(3)).toThrow(MemoryLimitError);
    expect([object.buffer === buffer, buffer.byteLength, charge.size, pool.usedBytes]).toEqual([
      true,
      2 * PAGE,
      2 * PAGE,
      before,
    ]);
    expect(object.grow(2)).toBe(2);
    expect(pool.usedBytes).toBe(4 * PAGE);
  });

  test('that its own maximum refuses to let grow leaves no charge, and what is no number of pages is refused as ever', () => {
    const { memory, pool } = make();
    const object = newMemory(1, 2);
    const charge = chargeWasmMemory(pool, object);
    expect(() => object.grow(2)).toThrow(RangeError);
    memory.query('q', {}, (query) => {
      expect(() => object.grow(2)).toThrow(RangeError);
      expect([query.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 1]);
    });
    for (const bad of [-1, Number.NaN, 2 ** 60, 'x', {}]) expect(() => object.grow(wrong(bad))).toThrow(TypeError);
    expect(object.grow(0)).toBe(1);
    expect([charge.size, pool.usedBytes, poolStats(memory, 'query').live]).toEqual([PAGE, PAGE, 1]);
    // As WebAssembly takes them.
    expect(object.grow(wrong('1.5'))).toBe(1);
    expect(pool.usedBytes).toBe(2 * PAGE);
  });

  test('is refused whole when there is no room for it', () => {
    const { memory, pool } = make({ pools: { query: { limit: 2 * PAGE } } });
    const object = newMemory(3);
    expect(() => chargeWasmMemory(pool, object, { tag: 'plugin' })).toThrow(MemoryLimitError);
    expect([pool.usedBytes, poolStats(memory, 'query').live, poolStats(memory, 'query').rejections]).toEqual([0, 0, 1]);
    expect(object.grow(1)).toBe(3);
  });

  test('is charged once', () => {
    const { memory, pool } = make();
    const object = newMemory(1);
    const charge = chargeWasmMemory(pool, object);
    expect(chargeWasmMemory(pool, object) === charge).toBe(true);
    expect(codeOf(() => chargeWasmMemory(memory.pool('cache'), object))).toBe('MEMTOOL_INVALID_OPTION');
    expect(pool.usedBytes).toBe(PAGE);
    charge.free();
    const anew = chargeWasmMemory(memory.pool('cache'), object);
    object.grow(1);
    expect([pool.usedBytes, memory.pool('cache').usedBytes, anew.size]).toEqual([0, 2 * PAGE, 2 * PAGE]);
  });

  test('that is freed twice says so, and disposing of it again does not', () => {
    const { pool } = make();
    const charge = chargeWasmMemory(pool, newMemory(1));
    expect(charge.isHeld).toBe(true);
    charge.free();
    expect(codeOf(() => charge.free())).toBe('MEMTOOL_DOUBLE_FREE');
    charge[Symbol.dispose]();
    expect([charge.isHeld, pool.usedBytes]).toEqual([false, 0]);
  });

  test('leaves a memory as it was: its own grow comes and goes', () => {
    const { pool } = make();
    const object = newMemory(1);
    const charge = chargeWasmMemory(pool, object);
    expect(Object.keys(object)).toEqual([]);
    charge.free();
    expect(Object.getOwnPropertyNames(object)).toEqual([]);
    const patched = newMemory(1);
    Object.defineProperty(patched, 'grow', { value: wrong, configurable: true });
    chargeWasmMemory(pool, patched).free();
    expect(Object.getOwnPropertyDescriptor(patched, 'grow')?.value).toBe(wrong);
  });

  test('that cannot have a grow of its own is noticed afterwards', () => {
    const { pool } = make();
    const object = Object.freeze(newMemory(1));
    const charge = chargeWasmMemory(pool, object);
    object.grow(1);
    expect(pool.usedBytes).toBe(PAGE);
    charge.sync();
    expect(pool.usedBytes).toBe(2 * PAGE);
  });

  test('may be shared', () => {
    const { pool } = make({ pools: { query: { limit: 4 * PAGE } } });
    const shared = makeWasmMemory(pool, { initial: 1, maximum: 100, shared: true });
    expect(shared.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    shared.memory.grow(2);
    expect(pool.usedBytes).toBe(3 * PAGE);
    expect(() => shared.memory.grow(2)).toThrow(MemoryLimitError);
    // Its maximum, which WebAssembly code in other threads meets as well.
    expect(() => wasm.Memory.prototype.grow.call(shared.memory, 4)).toThrow(RangeError);
  });

  test('is refused when it is none', () => {
    const { pool } = make();
    for (const bad of [{}, new ArrayBuffer(8), undefined])
      expect(codeOf(() => chargeWasmMemory(pool, wrong(bad)))).toBe('MEMTOOL_INVALID_OPTION');
  });

  test('shows its facts', () => {
    const { pool } = make();
    const charge = chargeWasmMemory(pool, newMemory(1), { tag: 'plugin' });
    expect(JSON.parse(JSON.stringify(charge))).toEqual({
      pool: 'query',
      size: PAGE,
      unchargedBytes: 0,
      tag: 'plugin',
      isHeld: true,
    });
  });
});

describe('a WebAssembly memory that is made', () => {
  test('has no larger maximum than there is room', () => {
    const { memory, pool } = make({ limit: 20 * PAGE, pools: { query: { limit: 10 * PAGE } } });
    memory.pool('cache').reserve(14 * PAGE);
    // The manager leaves 6 pages, the pool 10, the user 5, of which 1 is taken.
    memory.user('ana', { limit: 5 * PAGE }, () => {
      const held = pool.reserveOrThrow(PAGE / 2);
      const made = makeWasmMemory(pool, { initial: 1, maximum: 50 });
      const instance = plainExports({ isImported: true, initial: 1, isExported: false }, { memory: made.memory });
      expect(instance.grow(4)).toBe(-1);
      expect(instance.grow(3)).toBe(1);
      made.sync();
      expect(pool.usedBytes).toBe(4.5 * PAGE);
      held.free();
      made.free();
    });
    const made = makeWasmMemory(pool, { initial: 2 });
    expect(() => wasm.Memory.prototype.grow.call(made.memory, 5)).toThrow(RangeError);
    expect(wasm.Memory.prototype.grow.call(made.memory, 4)).toBe(2);
    made.sync();
    expect(memory.usedBytes).toBe(20 * PAGE);
  });

  test('keeps its own maximum where that is smaller, and none where there is more room than WebAssembly has addresses', () => {
    const { pool } = make({ pools: { query: { limit: '1TiB' } } });
    const own = makeWasmMemory(pool, { initial: 1, maximum: 3 });
    expect(() => own.memory.grow(3)).toThrow(RangeError);
    expect(own.memory.grow(2)).toBe(1);
    const free = makeWasmMemory(pool, { initial: 0 });
    expect(free.memory.grow(20)).toBe(0);
    expect(pool.usedBytes).toBe(23 * PAGE);
  });

  test('is not made when there is no room, or when it cannot be, and then leaves nothing charged', () => {
    const { memory, pool } = make({ pools: { query: { limit: 4 * PAGE } } });
    expect(() => makeWasmMemory(pool, { initial: 5 })).toThrow(MemoryLimitError);
    expect(() => makeWasmMemory(pool, { initial: 2, maximum: 1 })).toThrow(RangeError);
    expect(() => makeWasmMemory(pool, wrong({ initial: 1, maximum: 'x' }))).toThrow(TypeError);
    expect(codeOf(() => makeWasmMemory(pool, { initial: -1 }))).toBe('MEMTOOL_INVALID_SIZE');
    expect([pool.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 0]);
  });

  test('after close() is refused, as its growth is, and can still be freed', () => {
    const { memory, pool } = make();
    const made = makeWasmMemory(pool, { initial: 1 });
    memory.close();
    expect(codeOf(() => made.memory.grow(1))).toBe('MEMTOOL_CLOSED');
    expect(made.memory.buffer.byteLength).toBe(PAGE);
    expect(codeOf(() => makeWasmMemory(pool, { initial: 1 }))).toBe('MEMTOOL_CLOSED');
    wasm.Memory.prototype.grow.call(made.memory, 1);
    expect(codeOf(() => made.sync())).toBe('MEMTOOL_CLOSED');
    expect(made.unchargedBytes).toBe(PAGE);
    made.free();
    expect(pool.usedBytes).toBe(0);
  });
});

describe('a WebAssembly memory in scopes', () => {
  test('is charged to the scope it is made in, and grows for the scope that calls', () => {
    const { memory, pool } = make();
    memory.user('ana', {}, (ana) => {
      const made = memory.query('q-1', {}, (query) => {
        const inside = makeWasmMemory(pool, { initial: 1, maximum: 9 }, { scope: ana });
        expect([query.usedBytes, ana.usedBytes]).toEqual([0, PAGE]);
        inside.memory.grow(2);
        expect([query.usedBytes, ana.usedBytes]).toEqual([2 * PAGE, 3 * PAGE]);
        return inside;
      });
      // The query has ended, and the memory is ana's.
      expect([ana.usedBytes, pool.usedBytes, made.size]).toEqual([3 * PAGE, 3 * PAGE, 3 * PAGE]);
      expect(memory.leaks().leaks).toEqual([]);
      made.free();
      expect([ana.usedBytes, pool.usedBytes]).toEqual([0, 0]);
    });
  });

  test('that a query made and left behind is no leak: its user has it, and then the pool alone', () => {
    const { memory, pool } = make();
    const ana = memory.openUser('ana');
    const made = memory.query('q-1', { user: 'ana' }, () =>
      memory.procedure('p', {}, () => makeWasmMemory(pool, { initial: 2, maximum: 9 }, { tag: 'plugin' })),
    );
    expect([ana.usedBytes, pool.usedBytes, memory.leaks().leaks]).toEqual([2 * PAGE, 2 * PAGE, []]);
    memory.untracked(() => made.memory.grow(1));
    expect(ana.usedBytes).toBe(3 * PAGE);
    ana.close();
    made.memory.grow(1);
    expect([ana.usedBytes, pool.usedBytes, memory.leaks().leaks]).toEqual([0, 4 * PAGE, []]);
    expect(poolStats(memory, 'query').live).toBe(1);
    made.free();
    expect(pool.usedBytes).toBe(0);
  });

  test('made in a procedure and grown by its query passes on with the query', () => {
    const { memory, pool } = make();
    const seen: number[] = [];
    const made = memory.transaction('t-1', {}, (transaction) => {
      const left = memory.query('q-1', { transaction: 't-1' }, (query) => {
        const inside = memory.procedure('p', {}, (procedure) => {
          const one = makeWasmMemory(pool, { initial: 1, maximum: 9 });
          seen.push(procedure.usedBytes);
          return one;
        });
        inside.memory.grow(1);
        seen.push(query.usedBytes);
        return inside;
      });
      seen.push(transaction.usedBytes);
      return left;
    });
    expect([...seen, pool.usedBytes]).toEqual([PAGE, 2 * PAGE, 2 * PAGE, 2 * PAGE]);
    made.free();
    expect(pool.usedBytes).toBe(0);
  });

  test('grows for its home where no scope runs', () => {
    const { memory, pool } = make();
    const ana = memory.openUser('ana');
    const made = makeWasmMemory(pool, { initial: 1, maximum: 9 }, { scope: ana });
    made.memory.grow(1);
    wasm.Memory.prototype.grow.call(made.memory, 1);
    made.sync();
    expect(ana.usedBytes).toBe(3 * PAGE);
  });

  test('whose home has no room for what a query leaves is charged to the pool alone', () => {
    const { memory, pool } = make();
    const ana = memory.openUser('ana', { limit: 2 * PAGE });
    const made = chargeWasmMemory(pool, newMemory(1), { scope: ana });
    memory.query('q-1', { user: 'bo' }, () => made.memory.grow(4));
    expect([ana.usedBytes, pool.usedBytes, made.size, made.unchargedBytes]).toEqual([PAGE, 5 * PAGE, 5 * PAGE, 0]);
    made.free();
    ana.close();
    expect(pool.usedBytes).toBe(0);
  });

  test('that a forced cleanup uncharged is charged by the same scope again with what it grows by', async () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    const made = makeWasmMemory(pool, { initial: 2, maximum: 9 });
    const query = memory.openQuery('q-1');
    query.run(() => made.memory.grow(1));
    clock.advance(10);
    await memory.cleanup({ force: true, ageSeconds: 5 });
    expect([pool.usedBytes, query.usedBytes, made.size]).toEqual([0, 0, 0]);
    query.run(() => made.memory.grow(2));
    expect([pool.usedBytes, query.usedBytes, made.size]).toEqual([2 * PAGE, 2 * PAGE, 2 * PAGE]);
    query.close();
    expect([pool.usedBytes, memory.leaks().leaks]).toEqual([2 * PAGE, []]);
  });
});
