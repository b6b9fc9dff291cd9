import { expect } from 'vitest';
import { openLedger, type LedgerReader } from '../../src/memory/ledger/reader.ts';
import type { MemoryAllocation } from '../../src/memory/allocation.ts';
import type { MemoryManager } from '../../src/memory/manager.ts';
import type { MemoryPool } from '../../src/memory/pool.ts';
import type { MemoryReservation } from '../../src/memory/reservation.ts';
import { collectUntil } from './collect.ts';
import { isLive, type ModelManager } from './ledger-model.ts';
import { codeOf } from './make-manager.ts';
import type { ManualClock } from './manual-clock.ts';
import type { ModelHandle } from './model-pool.ts';

type Handle = MemoryReservation | MemoryAllocation;

/** A manager and its model, driven together. Handles are found by the place of their model, so that they can be dropped. */
export class LedgerRun {
  private readonly reader: LedgerReader;
  private readonly handles: (Handle | undefined)[] = [];
  private readonly pools: MemoryPool[];
  private readonly memory: MemoryManager;
  private readonly clock: ManualClock;
  private readonly model: ModelManager;

  constructor(memory: MemoryManager, clock: ManualClock, model: ModelManager, poolNames: readonly string[]) {
    this.memory = memory;
    this.clock = clock;
    this.model = model;
    this.pools = poolNames.map((name) => memory.pool(name));
    this.reader = openLedger(memory.ledgerMemory);
  }

  request(kind: ModelHandle['kind'], index: number, bytes: number): void {
    const expected = this.model.request(kind, index, bytes);
    const pool = this.pool(index);
    const options = bytes % 2 === 0 ? {} : { tag: `tag ${bytes % 7}` };
    const handle = kind === 'reservation' ? pool.reserve(bytes, options) : pool.allocate(bytes, options);
    expect(handle !== undefined, `${kind} of ${bytes} in pool ${index}`).toBe(expected !== undefined);
    if (handle !== undefined) this.handles.push(handle);
    if (handle !== undefined && 'bytes' in handle) expect(handle.bytes.length).toBe(bytes);
  }

  free(nth: number, how: 'free' | 'dispose'): void {
    const { model, handle } = this.pick(nth);
    if (model === undefined || handle === undefined) return;
    const outcome = codeOf(() => (how === 'free' ? handle.free() : handle[Symbol.dispose]()));
    expect(outcome).toBe(model.state === 'freed' && how === 'free' ? 'MEMTOOL_DOUBLE_FREE' : undefined);
    if (model.state === 'held') this.model.end(model, 'freed');
    else model.state = 'freed';
  }

  resize(nth: number, change: 'grow' | 'shrink' | 'resize', bytes: number): void {
    const { model, handle } = this.pick(nth);
    if (model === undefined || handle === undefined || !('resize' in handle)) return;
    if (model.state === 'freed') {
      expect(codeOf(() => handle[change](bytes))).toBe('MEMTOOL_USE_AFTER_FREE');
      return;
    }
    const size = model.state === 'held' ? model.bytes : 0;
    if (change === 'shrink' || (change === 'resize' && bytes < size)) {
      const less = change === 'shrink' ? bytes : size - bytes;
      const outcome = codeOf(() => handle[change](bytes));
      if (model.state !== 'held') {
        expect(outcome).toBeUndefined();
        return;
      }
      if (less > size) {
        expect(outcome).toBe('MEMTOOL_INVALID_SIZE');
        return;
      }
      expect(outcome).toBe(change === 'resize' ? true : undefined);
      this.model.shrink(model, less);
    } else {
      const isGranted = this.model.grow(model, change === 'grow' ? bytes : bytes - size);
      expect(change === 'grow' ? handle.tryGrow(bytes) : handle.resize(bytes)).toBe(isGranted);
    }
    expect(handle.size).toBe(model.state === 'held' ? model.bytes : 0);
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

  async cleanup(options: { index: number; force: boolean; dryRun: boolean; ageSeconds: number }): Promise<void> {
    const { index, force, dryRun, ageSeconds } = options;
    const pool = this.pools[index];
    const isIn = (other: number) => pool === undefined || other === index;
    await this.memory.cleanup({ force, dryRun, ageSeconds, ...(pool === undefined ? {} : { pool: pool.name }) });
    if (dryRun) return;
    this.model.releaseLost(isIn);
    if (force) this.model.takeStale(isIn, ageSeconds);
  }

  /** Drops every handle from `nth` on in steps of two, and waits until the collector has found those that have a record. */
  async drop(nth: number): Promise<void> {
    for (let place = nth % Math.max(1, this.handles.length); place < this.handles.length; place += 2) {
      const model = this.model.handles[place];
      // An allocation without a record is found through its slot, a reservation without one never.
      if (model === undefined || this.handles[place] === undefined || (!model.isRecorded && model.state === 'held'))
        continue;
      this.handles[place] = undefined;
      if (model.state === 'held') model.state = 'lost';
    }
    const expected = this.model.handles.filter(({ state }) => state === 'lost').length;
    await collectUntil(
      () => this.lostCount() === expected,
      () => `${this.lostCount()} of ${expected} lost were found`,
    );
  }

  /** Every invariant of the design that can be seen from outside. */
  check(): void {
    const { model, memory } = this;
    const stats = this.reader.pools();
    const rows = this.reader.leaks(-1);
    for (const [index, pool] of this.pools.entries()) {
      const expected = model.pool(index);
      const seen = stats.find(({ name }) => name === pool.name);
      const { usedBytes, peakBytes, rejections, allocations, live, level } = expected;
      expect(seen).toMatchObject({
        usedBytes,
        peakBytes,
        rejections,
        allocations,
        live,
        level,
        frees: allocations - live,
      });
      expect([pool.usedBytes, pool.peakBytes, pool.level]).toEqual([usedBytes, peakBytes, level]);
      expect(usedBytes).toBeLessThanOrEqual(pool.limitBytes);
      expect(peakBytes).toBeGreaterThanOrEqual(usedBytes);
      expect(seen?.reservedBytes).toBeGreaterThanOrEqual(usedBytes);
      const unrecorded = sumBytes(
        model.handles.filter((handle) => handle.pool === index && isLive(handle) && !handle.isRecorded),
      );
      expect(sumBytes(rows.filter((row) => row.pool === pool.name)) + unrecorded).toBe(usedBytes);
      expect(sumBytes(this.reader.consumers(pool.name, Infinity)) + unrecorded).toBe(usedBytes);
    }
    expect(memory.usedBytes).toBe(model.usedBytes);
    expect(memory.usedBytes).toBeLessThanOrEqual(memory.limitBytes);
    expect(this.reader.manager()).toMatchObject({
      usedBytes: model.usedBytes,
      unrecorded: model.handles.filter((handle) => isLive(handle) && !handle.isRecorded).length,
    });
    for (const [place, handle] of this.handles.entries()) {
      if (handle !== undefined) expect(handle.isHeld).toBe(model.handles[place]?.state === 'held');
    }
  }

  /** Frees and forgets everything, and waits until the arenas have given all their memory back. */
  async end(): Promise<void> {
    for (const [place, model] of this.model.handles.entries()) if (model.state === 'held') this.free(place, 'free');
    this.handles.length = 0;
    this.model.releaseLost(() => true);
    await collectUntil(async () => {
      await this.memory.cleanup();
      return this.reader.pools().every(({ reservedBytes }) => reservedBytes === 0);
    });
    this.check();
  }

  private lostCount(): number {
    return this.reader.leaks(Infinity).reduce((sum, { count }) => sum + count, 0);
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

function sumBytes(rows: readonly { bytes: number }[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
