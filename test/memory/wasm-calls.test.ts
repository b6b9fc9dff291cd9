import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { watchWasm } from '../../src/memory/wasm/wasm-calls.ts';
import { chargeWasmMemory } from '../../src/memory/wasm/wasm-memory.ts';
import { codeOf, makeManager, poolStats } from './make-manager.ts';
import { PAGE, plainExports, wasm, type Exports } from './wasm-module.ts';

/** An instance that everyone shares; its memory of one page belongs to nobody but the pool. */
function make(env: Record<string, unknown> = {}, options: MemoryManagerOptions = {}) {
  const { memory } = makeManager(options);
  const pool = memory.pool('query');
  const plain = plainExports({}, env);
  const charge = chargeWasmMemory(pool, plain.memory, { tag: 'plugin' });
  return { memory, pool, plain, charge, watched: watchWasm(plain, [charge]) };
}

function nothing(): void {}

function refusalOf(action: () => unknown): MemoryLimitError {
  try {
    action();
  } catch (error) {
    if (error instanceof MemoryLimitError) return error;
  }
  throw new Error('It was not refused.');
}

describe('watched exports', () => {
  test('are the functions that they were: one for each, by whatever name', () => {
    const { plain, watched } = make();
    expect(Object.keys(watched)).toEqual(Object.keys(plain));
    expect(Object.getPrototypeOf(watched)).toBeNull();
    expect(Object.isFrozen(watched)).toBe(true);
    expect(watched.memory).toBe(plain.memory);
    expect(watched.grow).not.toBe(plain.grow);
    expect(watched.growToo).toBe(watched.grow);
    expect([watched.grow.name, watched.grow.length]).toEqual([plain.grow.name, plain.grow.length]);
    expect(watchWasm(plain, []).grow).toBe(plain.grow);
  });

  test('charge what the instruction takes to the query that calls, and to the pool alone without one', () => {
    const { memory, pool, watched } = make();
    expect(watched.grow(1)).toBe(1);
    expect(pool.usedBytes).toBe(2 * PAGE);
    memory.query('q-1', { user: 'ana' }, (query) => {
      expect(watched.grow(2)).toBe(2);
      expect([query.usedBytes, query.user?.usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 2 * PAGE, 4 * PAGE]);
    });
    expect(pool.usedBytes).toBe(4 * PAGE);
    expect(memory.endedScopes()[0]?.peakBytes).toBe(2 * PAGE);
  });

  test('of one instance charge queries at once each with its own growth', async () => {
    const { memory, pool, watched } = make();
    const user = memory.openUser('ana');
    await Promise.all(
      Array.from({ length: 20 }, async (_, nth) =>
        memory.query(`q-${nth}`, { user: 'ana' }, async (query) => {
          for (let round = 0; round < 3; round += 1) {
            watched.grow(nth % 4);
            // oxlint-disable-next-line no-await-in-loop -- interleaves with the others
            await setImmediate();
            expect(query.usedBytes).toBe((round + 1) * (nth % 4) * PAGE);
          }
        }),
      ),
    );
    const grown = 3 * 5 * (1 + 2 + 3) * PAGE;
    // What queries left in the instance is their user's while she is there, then the memory's home has it: here the pool alone.
    expect([user.usedBytes, pool.usedBytes]).toEqual([grown, PAGE + grown]);
    user.close();
    expect([user.usedBytes, pool.usedBytes]).toEqual([0, PAGE + grown]);
    expect(memory.leaks().leaks).toEqual([]);
    expect(poolStats(memory, 'query').live).toBe(1);
  });

  test('refuse for a procedure what is over its limit, and nobody above it is charged', () => {
    const { memory, pool, charge, watched } = make();
    memory.query('q-1', { user: 'ana', limit: 100 * PAGE }, (query) => {
      const rows = pool.reserveOrThrow(1000);
      const refusal = memory.procedure('parse', { limit: 2 * PAGE }, (procedure) => {
        expect(watched.grow(2)).toBe(1);
        expect(procedure.usedBytes).toBe(2 * PAGE);
        const refused = refusalOf(() => watched.grow(3));
        expect([procedure.usedBytes, query.usedBytes]).toEqual([2 * PAGE, 2 * PAGE + 1000]);
        return refused;
      });
      // What the procedure was granted is its query's now.
      expect([query.usedBytes, query.user?.usedBytes, query.peakBytes]).toEqual(
        Array.from({ length: 3 }, () => 2 * PAGE + 1000),
      );
      expect(refusal).toMatchObject({ account: 'parse', askedBytes: 3 * PAGE });
      expect(refusal.message).toBe(
        'Procedure parse refused 192.0 KiB for plugin in pool query. 128.0 KiB of 128.0 KiB (100.0 %) are in use, 0 B are free. Held by: plugin 128.0 KiB in 1. WebAssembly code has grown its memory to 384.0 KiB already, and pool query is charged with that outside of this scope: only a maximum of the memory can refuse that beforehand.',
      );
      expect(refusal.stack?.startsWith(`MemoryLimitError: ${refusal.message}`)).toBe(true);
      rows.free();
    });
    // The pages are there: the pool alone has them.
    expect([pool.usedBytes, charge.size, charge.unchargedBytes]).toEqual([6 * PAGE, 6 * PAGE, 0]);
  });

  test('state what no account has room for, and charge it when one has', () => {
    const { memory, pool, charge, watched } = make({}, { pools: { query: { limit: 4 * PAGE } } });
    const held = pool.reserveOrThrow(PAGE);
    const refusal = refusalOf(() => watched.grow(3));
    expect(refusal.message).toContain(
      'has grown its memory to 256.0 KiB already, and 192.0 KiB of it are charged to nobody',
    );
    expect([pool.usedBytes, charge.size, charge.unchargedBytes]).toEqual([2 * PAGE, PAGE, 3 * PAGE]);
    charge.sync();
    expect(charge.unchargedBytes).toBe(3 * PAGE);
    held.free();
    charge.sync();
    expect([pool.usedBytes, charge.size, charge.unchargedBytes]).toEqual([4 * PAGE, 4 * PAGE, 0]);
    expect(pool.peakBytes).toBe(4 * PAGE);
    charge.free();
    expect([pool.usedBytes, poolStats(memory, 'query').live]).toEqual([0, 0]);
  });

  test('charge what a call took that traps after it, and throw the trap', () => {
    const { memory, pool, watched } = make({}, { pools: { query: { limit: 4 * PAGE } } });
    memory.query('q-1', {}, (query) => {
      expect(codeOf(() => watched.trap(1))).toBeInstanceOf(Error);
      expect(() => watched.trap(1)).toThrow('unreachable');
      expect([query.usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 3 * PAGE]);
      expect(() => watched.trap(2)).toThrow('unreachable');
      expect([query.usedBytes, pool.usedBytes]).toEqual([2 * PAGE, 3 * PAGE]);
    });
  });

  test('charge each of two that call one another with its own', () => {
    let host = nothing;
    const { memory, pool, plain, watched } = make({ host: () => host() });
    const seen: (number | undefined)[] = [];
    host = () => {
      host = nothing;
      memory.query('inner', { user: 'bo' }, (inner) => {
        watched.grow(1);
        seen.push(inner.usedBytes, inner.user?.usedBytes);
      });
      // Within the outer call again.
      plain.grow(2);
    };
    memory.query('outer', { user: 'ana' }, (outer) => {
      watched.callHost(4);
      seen.push(outer.usedBytes, outer.user?.usedBytes);
      watched.callHost(1);
      seen.push(outer.usedBytes);
    });
    // What the inner query left is charged to the outer one, which it was part of.
    expect(seen).toEqual([PAGE, PAGE, 7 * PAGE, 7 * PAGE, 8 * PAGE]);
    expect(pool.usedBytes).toBe(9 * PAGE);
  });

  test('tell the caller whose limit refused, not one that it calls', () => {
    let host = nothing;
    const { memory, watched } = make({ host: () => host() });
    const inner: unknown[] = [];
    host = () => {
      host = nothing;
      memory.untracked(() => memory.query('inner', { limit: 2 * PAGE }, () => inner.push(watched.grow(2))));
    };
    const outer = memory.query('outer', { limit: PAGE }, () => refusalOf(() => watched.callHost(3)));
    expect(inner).toEqual([4]);
    expect(outer.account).toBe('outer');
  });

  test('of a memory that was freed go on as they are', () => {
    const { pool, charge, watched } = make();
    charge.free();
    expect(watched.grow(1)).toBe(1);
    expect(pool.usedBytes).toBe(0);
  });

  test('that nobody watches are noticed by sync, or for the memory`s home by the next call', () => {
    const { memory, pool, plain, charge, watched } = make();
    memory.query('q-1', {}, (query) => {
      plain.grow(1);
      expect(query.usedBytes).toBe(0);
      charge.sync();
      expect(query.usedBytes).toBe(PAGE);
      plain.grow(2);
      watched.grow(0);
      expect([query.usedBytes, pool.usedBytes]).toEqual([PAGE, 4 * PAGE]);
    });
  });
});

/** As `make`; its promise is this, which gets the exports that nobody watches. */
function makeAsync(promise: (plain: Exports) => Promise<unknown>) {
  const made = make({ promise: async () => promise(made.plain) });
  return made;
}

describe('a watched call that gives a promise', () => {
  test('charges its caller with what is taken until it is settled', async () => {
    const { memory, watched } = makeAsync(async (plain) => {
      await setImmediate();
      plain.grow(2);
      return 'done';
    });
    await memory.query('q-1', {}, async (query) => {
      const done = watched.promise(1);
      expect(query.usedBytes).toBe(PAGE);
      expect(await done).toBe('done');
      expect(query.usedBytes).toBe(3 * PAGE);
    });
  });

  test('is rejected when its caller`s limit refuses', async () => {
    const { memory, pool, watched } = makeAsync(async (plain) => {
      await setImmediate();
      plain.grow(2);
    });
    await memory.query('q-1', { limit: PAGE }, async (query) => {
      await expect(watched.promise(1)).rejects.toMatchObject({ code: 'MEMTOOL_LIMIT', account: 'q-1' });
      expect(query.usedBytes).toBe(PAGE);
    });
    await memory.query('q-2', { limit: PAGE }, async (query) => {
      await expect(watched.promise(2)).rejects.toBeInstanceOf(MemoryLimitError);
      expect(query.usedBytes).toBe(0);
    });
    expect(pool.usedBytes).toBe(8 * PAGE);
  });

  test('is rejected as it would be, and charged', async () => {
    const { memory, watched } = makeAsync(async (plain) => {
      await setImmediate();
      plain.grow(2);
      throw new Error('its own');
    });
    await memory.query('q-1', {}, async (query) => {
      await expect(watched.promise(0)).rejects.toThrow('its own');
      expect(query.usedBytes).toBe(2 * PAGE);
    });
  });

  test('pays for what it takes while another calls', async () => {
    let go = nothing;
    const { memory, pool, watched } = makeAsync(async (plain) => {
      await new Promise<void>((resolve) => (go = resolve));
      plain.grow(2);
      await setImmediate();
    });
    await memory.query('slow', {}, async (slow) => {
      const done = watched.promise(0);
      go();
      await Promise.resolve();
      memory.untracked(() =>
        memory.query('quick', {}, (quick) => {
          watched.grow(1);
          expect(quick.usedBytes).toBe(PAGE);
        }),
      );
      expect(slow.usedBytes).toBe(2 * PAGE);
      await done;
      expect(slow.usedBytes).toBe(2 * PAGE);
    });
    expect(pool.usedBytes).toBe(4 * PAGE);
  });

  const { promising, Suspending } = wasm;
  test.runIf(promising !== undefined)('may be one of WebAssembly that waits for its imports', async () => {
    if (promising === undefined || Suspending === undefined) return;
    const names: (string | undefined)[] = [];
    const host = new Suspending(async () => {
      await setImmediate();
      names.push(memory.activeScope?.name);
    });
    const { memory, pool, plain, charge } = make({ host });
    const { callHost } = watchWasm({ callHost: promising(plain.callHost) }, [charge]);
    const call = async (name: string, pages: number) =>
      memory.query(name, { limit: 2 * PAGE }, async (query) => {
        const before = await callHost(pages);
        return [before, query.usedBytes];
      });
    expect(await Promise.all([call('q-1', 1), call('q-2', 2)])).toEqual([
      [1, PAGE],
      [2, 2 * PAGE],
    ]);
    await expect(call('q-3', 3)).rejects.toBeInstanceOf(MemoryLimitError);
    expect([names, pool.usedBytes]).toEqual([['q-1', 'q-2', 'q-3'], 7 * PAGE]);
  });
});
