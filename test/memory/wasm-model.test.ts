import { array, assert, constantFrom, nat, oneof, property, record, type Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryLimitError } from '../../src/memory/limit-error.ts';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryScope } from '../../src/memory/scope/scope.ts';
import { watchWasm } from '../../src/memory/wasm/wasm-calls.ts';
import { chargeWasmMemory, type WasmMemory } from '../../src/memory/wasm/wasm-memory.ts';
import { makeManager } from './make-manager.ts';
import { PAGE, plainExports, wasm, type Exports } from './wasm-module.ts';

const POOL_PAGES = 24;
const USER_PAGES = 14;
const QUERY_PAGES = 7;

type Way = 'javascript' | 'instruction' | 'unwatched' | 'trap' | 'nested';

interface Step {
  kind: 'open' | 'end' | 'make' | 'free' | 'grow' | 'sync' | 'reserve' | 'release';
  nth: number;
  other: number;
  pages: number;
  way: Way;
}

/** Instances that come and go, in scopes that come and go, beside a plain model: what exists, and what was refused. */
class Run {
  private readonly pool;
  private readonly scopes: MemoryScope[] = [];
  private readonly instances: { charge: WasmMemory; plain: Exports; watched: Exports }[] = [];
  private readonly held: { free(): void }[] = [];
  /** What grew without being watched, until it is noticed. */
  private readonly unnoticed = new Set<WasmMemory>();
  private host = (): void => {};
  private readonly memory: MemoryManager;

  constructor(memory: MemoryManager) {
    this.memory = memory;
    this.pool = memory.pool('query');
  }

  take({ kind, nth, other, pages, way }: Step): void {
    const scope = this.scopes[nth % (this.scopes.length + 1)];
    const inScope = (fn: () => void): void => (scope === undefined ? this.memory.untracked(fn) : scope.run(fn));
    const instance = this.instances[other % Math.max(1, this.instances.length)];
    switch (kind) {
      case 'open':
        inScope(() => this.open(nth, way));
        break;
      case 'end':
        this.scopes.splice(nth % Math.max(1, this.scopes.length), 1)[0]?.close();
        break;
      case 'make':
        inScope(() => attempt(() => this.make(pages)));
        break;
      case 'free':
        this.instances.splice(other % Math.max(1, this.instances.length), 1)[0]?.charge.free();
        break;
      case 'grow':
        if (instance !== undefined) inScope(() => this.grow(instance, pages, way));
        break;
      case 'sync':
        if (instance === undefined) break;
        inScope(() => attempt(() => instance.charge.sync()));
        this.unnoticed.delete(instance.charge);
        break;
      case 'reserve':
        inScope(() => this.held.push(...[this.pool.reserve(pages * 1000)].filter((one) => one !== undefined)));
        break;
      case 'release':
        this.held.splice(nth % Math.max(1, this.held.length), 1)[0]?.free();
        break;
    }
  }

  check(): void {
    const { pool } = this;
    for (const { charge } of this.instances) {
      if (this.unnoticed.has(charge)) continue;
      expect(charge.size + charge.unchargedBytes).toBe(charge.memory.buffer.byteLength);
    }
    expect(pool.usedBytes).toBeLessThanOrEqual(pool.limitBytes);
    for (const { usedBytes, limitBytes, user } of this.scopes) {
      expect(usedBytes).toBeLessThanOrEqual(limitBytes);
      if (user !== undefined) expect(user.usedBytes).toBeLessThanOrEqual(user.limitBytes);
    }
  }

  /** Ends everything: nothing may be left charged. */
  end(): void {
    for (const one of this.held) one.free();
    for (const scope of this.scopes) scope.close();
    for (const { charge } of this.instances) charge.free();
    expect(this.pool.usedBytes).toBe(0);
    expect(this.memory.stats().pools.map(({ live }) => live)).toEqual([0, 0, 0]);
    expect(this.memory.leaks({ ageSeconds: 0 }).leaks).toEqual([]);
  }

  private open(nth: number, way: Way): void {
    if (this.scopes.length > 6) return;
    const limit = QUERY_PAGES * PAGE;
    if (way === 'nested') this.scopes.push(this.memory.openProcedure('p', { limit: limit / 2 }));
    else if (way === 'trap') this.scopes.push(this.memory.openUser(`u-${nth % 2}`, { limit: USER_PAGES * PAGE }));
    else this.scopes.push(this.memory.openQuery('q', { limit, user: `u-${nth % 2}` }));
  }

  private make(pages: number): void {
    const memory = new wasm.Memory({ initial: pages, maximum: 40 });
    const plain = plainExports({ isImported: true, initial: 0 }, { memory, host: () => this.host() });
    const charge = chargeWasmMemory(this.pool, memory, { tag: 'plugin' });
    this.instances.push({ charge, plain, watched: watchWasm(plain, [charge]) });
  }

  private grow({ charge, plain, watched }: (typeof this.instances)[number], pages: number, way: Way): void {
    if (way === 'unwatched') {
      plain.grow(pages);
      this.unnoticed.add(charge);
      return;
    }
    const before = charge.memory.buffer.byteLength;
    if (way === 'javascript') {
      const refused = attempt(() => charge.memory.grow(pages));
      expect(charge.memory.buffer.byteLength).toBe(refused ? before : before + pages * PAGE);
    }
    if (way === 'instruction') attempt(() => watched.grow(pages));
    if (way === 'trap') expect(() => watched.trap(pages)).toThrow('unreachable');
    if (way === 'nested') {
      const scope = this.scopes[pages % (this.scopes.length + 1)];
      const call = (): void => void attempt(() => watched.grow(1));
      this.host = () => {
        this.host = () => {};
        if (scope === undefined) this.memory.untracked(call);
        else scope.run(call);
      };
      attempt(() => watched.callHost(pages));
    }
    this.unnoticed.delete(charge);
  }
}

/** @returns whether a limit, or the memory itself, refused it */
function attempt(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof MemoryLimitError || error instanceof RangeError) return true;
    throw error;
  }
}

const step: Arbitrary<Step> = record({
  kind: oneof(
    { weight: 5, arbitrary: constantFrom<Step['kind'][]>('grow') },
    { weight: 6, arbitrary: constantFrom<Step['kind'][]>('open', 'end', 'make', 'sync', 'reserve', 'release') },
    { weight: 1, arbitrary: constantFrom<Step['kind'][]>('free') },
  ),
  nth: nat(7),
  other: nat(3),
  pages: nat(4),
  way: constantFrom<Way[]>('javascript', 'instruction', 'unwatched', 'trap', 'nested'),
});

test('no account exceeds its limit, and what is charged and what is stated as uncharged are what exists', () => {
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const { memory } = makeManager({ pools: { query: { limit: POOL_PAGES * PAGE } } });
      const run = new Run(memory);
      for (const one of steps) {
        run.take(one);
        run.check();
      }
      run.end();
      memory.close();
    }),
    { numRuns: 1000 },
  );
});
