import { expect } from 'vitest';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import { openLedger, type LedgerReader } from '../../../src/memory/ledger/reader.ts';
import { TALLY_REJECTIONS } from '../../../src/memory/ledger/layout.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { MemoryPool } from '../../../src/memory/pool.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import type { ScopeKind } from '../../../src/report/scopes.ts';
import { collectUntil } from '../collect.ts';
import { codeOf } from '../make-manager.ts';
import type { ManualClock } from '../manual-clock.ts';
import type { ModelAccount, ModelHandle, ModelScope, ModelScopes } from './scope-model.ts';

type Handle = MemoryReservation | MemoryAllocation;

export interface Opening {
  kind: ScopeKind;
  /** Of a user or transaction; queries and procedures get one each. */
  name: number;
  limit: number | undefined;
  inside: number;
  user: number | undefined;
  transaction: number | undefined;
}

/** A manager with scopes and its model, driven together. */
export class ScopeRun {
  private readonly reader: LedgerReader;
  private readonly handles: (Handle | undefined)[] = [];
  /** By the place of their model. */
  private readonly scopes = new Map<ModelScope, MemoryScope>();
  private readonly memory: MemoryManager;
  private readonly clock: ManualClock;
  private readonly model: ModelScopes;
  private readonly pools: MemoryPool[];
  private opened = 0;

  constructor(memory: MemoryManager, clock: ManualClock, model: ModelScopes, pools: readonly string[]) {
    this.memory = memory;
    this.clock = clock;
    this.model = model;
    this.pools = pools.map((name) => memory.pool(name));
    this.reader = openLedger(memory.ledgerMemory);
  }

  open({ kind, name: number, limit, inside, user: userNumber, transaction: transactionNumber }: Opening): void {
    const active = this.pickOpen(inside);
    const user = userNumber === undefined || kind === 'user' || kind === 'procedure' ? undefined : `user ${userNumber}`;
    const transaction =
      transactionNumber === undefined || kind !== 'query' ? undefined : `transaction ${transactionNumber}`;
    this.opened += 1;
    const name = `${kind} ${kind === 'user' || kind === 'transaction' ? number : this.opened}`;
    const options = {
      ...(limit === undefined ? {} : { limit }),
      ...(user === undefined ? {} : { user }),
      ...(transaction === undefined ? {} : { transaction }),
    };
    const expected = this.model.open(kind, name, limit, active, user, transaction);
    const open = (): MemoryScope => {
      if (kind === 'query') return this.memory.openQuery(name, options);
      if (kind === 'transaction') return this.memory.openTransaction(name, options);
      return kind === 'user' ? this.memory.openUser(name, options) : this.memory.openProcedure(name, options);
    };
    if (expected === undefined) {
      expect(codeOf(() => this.within(active, open))).toBe('MEMTOOL_INVALID_OPTION');
      return;
    }
    const scope = this.within(active, open);
    for (const [model, real] of [
      [expected, scope],
      [expected.user, scope.user],
      [expected.transaction, scope.transaction],
    ] as const) {
      expect(real?.name, `${name} hangs on`).toBe(model?.name);
      if (model === undefined || real === undefined) continue;
      // A user or transaction of one name is one account for as long as it is open.
      expect(this.scopes.get(model) ?? real, 'the same account').toBe(real);
      this.scopes.set(model, real);
    }
  }

  close(nth: number): void {
    const model = [...this.scopes.keys()][nth % Math.max(1, this.scopes.size)];
    if (model === undefined) return;
    this.model.close(model);
    this.scopes.get(model)?.close();
  }

  request(kind: ModelHandle['kind'], index: number, bytes: number, inside: number, byOption: boolean): void {
    const scope = this.pickOpen(inside);
    const expected = this.model.request(kind, index, scope, bytes);
    const pool = this.pool(index);
    const real = scope === undefined ? undefined : this.scopes.get(scope);
    const options = {
      ...(bytes % 2 === 0 ? {} : { tag: `tag ${bytes % 5}` }),
      ...(byOption && real !== undefined ? { scope: real } : {}),
    };
    const ask = () => (kind === 'reservation' ? pool.reserve(bytes, options) : pool.allocate(bytes, options));
    // By option it is asked in another scope, which must not be charged.
    const handle = this.within(byOption && scope !== undefined ? this.pickOpen(inside + 1) : scope, ask);
    expect(handle !== undefined, `${kind} of ${bytes} in pool ${index} for ${scope?.name}`).toBe(expected);
    if (handle !== undefined) this.handles.push(handle);
  }

  free(nth: number, how: 'free' | 'dispose'): void {
    const { model, handle } = this.pick(nth);
    if (model === undefined || handle === undefined) return;
    const outcome = codeOf(() => (how === 'free' ? handle.free() : handle[Symbol.dispose]()));
    expect(outcome).toBe(model.state === 'freed' && how === 'free' ? 'MEMTOOL_DOUBLE_FREE' : undefined);
    this.model.end(model, 'freed');
  }

  resize(nth: number, change: 'grow' | 'shrink' | 'resize', bytes: number): void {
    const { model, handle } = this.pick(nth);
    if (model === undefined || handle === undefined || !('resize' in handle) || model.state === 'freed') return;
    const size = model.state === 'held' ? model.bytes : 0;
    const less = change === 'shrink' ? bytes % (size + 1) : size - bytes;
    if (change === 'shrink' || (change === 'resize' && less > 0)) {
      if (change === 'shrink') handle.shrink(less);
      else handle.resize(bytes);
      if (model.state === 'held') this.model.shrink(model, less);
      return;
    }
    const isGranted = this.model.grow(model, change === 'grow' ? bytes : bytes - size);
    expect(change === 'grow' ? handle.tryGrow(bytes) : handle.resize(bytes)).toBe(isGranted);
  }

  transfer(nth: number, index: number): void {
    const { model, handle } = this.pick(nth);
    if (model === undefined || handle === undefined || !('transferTo' in handle) || model.state === 'freed') return;
    const isGranted = this.model.transfer(model, index);
    expect(handle.transferTo(this.pool(index))).toBe(isGranted);
  }

  advance(seconds: number): void {
    this.clock.advance(seconds);
    this.model.nowSeconds += seconds;
  }

  async cleanup(force: boolean, ageSeconds: number): Promise<void> {
    await this.memory.cleanup({ force, ageSeconds });
    this.model.cleanup();
    if (force) this.model.takeStale(ageSeconds);
  }

  async setLimit(of: 'manager' | 'pool' | 'scope', nth: number, limit: number): Promise<void> {
    const scope = this.pickOpen(nth);
    const pool = this.pools[nth % this.pools.length];
    const account = of === 'manager' ? this.memory : of === 'pool' ? pool : scope && this.scopes.get(scope);
    const model = of === 'manager' ? this.model : of === 'pool' ? this.model.pool(nth % this.pools.length) : scope;
    if (account === undefined || model === undefined) return;
    await this.memory.setLimit(account, limit);
    model.limitBytes = limit;
    if (model.usedBytes <= limit) return;
    this.model.cleanup();
  }

  /** Drops every third handle from `nth` on, and waits until the collector has found them. */
  async drop(nth: number): Promise<void> {
    for (let place = nth % Math.max(1, this.handles.length); place < this.handles.length; place += 3) {
      const model = this.model.handles[place];
      if (this.handles[place] === undefined || model === undefined) continue;
      this.handles[place] = undefined;
      if (model.state === 'held') model.state = 'lost';
    }
    const expected = this.model.handles.filter(({ state }) => state === 'lost').length;
    await collectUntil(() => this.count('lost') === expected);
  }

  /** Frees what is held and ends every scope: nothing may be left. */
  async end(): Promise<void> {
    for (const scope of this.scopes.keys())
      while (scope.holds > 0) {
        this.model.close(scope);
        this.scopes.get(scope)?.close();
      }
    this.check();
    await this.cleanup(false, 300);
    this.check();
    for (const [place, handle] of this.model.handles.entries()) if (handle.state === 'held') this.free(place, 'free');
    expect(this.reader.scopes(Infinity, 'used').count).toBe(0);
    expect(this.memory.usedBytes).toBe(0);
    for (const model of this.scopes.keys()) expect(this.model.isInUse(model)).toBe(false);
    // A row for each scope at most, and all of them free again.
    expect(this.memory.ledger.scopes?.atRow(1)).toBeUndefined();
  }

  /** Every account says what the model says, and what its live records add up to. */
  check(): void {
    const { model, memory, reader } = this;
    for (const [index, pool] of this.pools.entries()) compare(pool.name, pool, model.pool(index));
    expect(memory.usedBytes).toBe(model.usedBytes);
    const open = new Map(reader.scopes(Infinity, 'used').scopes.map((stats) => [stats.name, stats]));
    expect([...open.keys()].toSorted()).toEqual(
      model.scopes
        .filter(({ isOpen }) => isOpen)
        .map(({ name }) => name)
        .toSorted(),
    );
    for (const [scope, real] of this.scopes) {
      if (!model.isInUse(scope)) {
        // Its row may be another's: none of that shows.
        expect([real.usedBytes, real.peakBytes], scope.name).toEqual([0, scope.peakBytes]);
        continue;
      }
      compare(scope.name, real, scope);
      const sum = model.handles
        .filter(
          (handle) => handle.scope?.chain.has(scope) === true && (handle.state === 'held' || handle.state === 'lost'),
        )
        .reduce((bytes, handle) => bytes + handle.bytes, 0);
      expect(real.usedBytes, `${scope.name} and its records`).toBe(sum);
      if (scope.isOpen) expect(open.get(scope.name)?.usedBytes).toBe(sum);
    }
    for (const [place, handle] of this.handles.entries())
      if (handle !== undefined) expect(handle.isHeld).toBe(model.handles[place]?.state === 'held');
    const orphans = model.handles.filter(({ state, scope }) => state === 'held' && scope?.isOpen === false);
    memory.leaks();
    expect(this.count('orphaned')).toBe(orphans.length);
  }

  private count(kind: 'lost' | 'orphaned'): number {
    return this.reader.leaks(Infinity).reduce((sum, leak) => sum + (leak.kind === kind ? leak.count : 0), 0);
  }

  /** An open scope, or none. */
  private pickOpen(nth: number): ModelScope | undefined {
    const open = [...this.scopes.keys()].filter(({ isOpen }) => isOpen);
    return open[nth % (open.length + 1)];
  }

  private within<Result>(scope: ModelScope | undefined, fn: () => Result): Result {
    const real = scope && this.scopes.get(scope);
    return real === undefined ? this.memory.untracked(fn) : real.run(fn);
  }

  private pool(index: number): MemoryPool {
    const pool = this.pools[index];
    if (pool === undefined) throw new Error(`no pool ${index}`);
    return pool;
  }

  private pick(nth: number): { model: ModelHandle | undefined; handle: Handle | undefined } {
    const place = nth % Math.max(1, this.handles.length);
    return { model: this.model.handles[place], handle: this.handles[place] };
  }
}

function compare(name: string, real: MemoryPool | MemoryScope, model: ModelAccount): void {
  const { usedBytes, peakBytes, rejections, limitBytes, level } = model;
  expect([real.usedBytes, real.peakBytes, real.figure(TALLY_REJECTIONS), real.limitBytes, real.level], name).toEqual([
    usedBytes,
    peakBytes,
    rejections,
    limitBytes,
    level,
  ]);
}
