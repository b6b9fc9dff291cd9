import { constants } from 'node:buffer';
import { RECORDS_SMALLEST } from './make-manager.ts';
import { ModelPool, type ModelHandle } from './model-pool.ts';

/** A manager as plain numbers and lists: what is granted, and what everything then is. */
export class ModelManager {
  readonly pools: ModelPool[];
  readonly limitBytes: number;
  readonly handles: ModelHandle[] = [];
  nowSeconds = 0;

  constructor(poolLimits: readonly number[], limitBytes: number) {
    this.pools = poolLimits.map((limit) => new ModelPool(limit));
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.pools.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  }

  pool(index: number): ModelPool {
    const pool = this.pools[index];
    if (pool === undefined) throw new Error(`no pool ${index}`);
    return pool;
  }

  /** Decides a new reservation or allocation. @returns its handle, or `undefined` when it must be refused */
  request(kind: ModelHandle['kind'], pool: number, bytes: number): ModelHandle | undefined {
    if (kind === 'allocation' && bytes > constants.MAX_LENGTH) {
      this.pool(pool).rejections += 1;
      return undefined;
    }
    if (!this.admits(pool, bytes, bytes)) return undefined;
    const isRecorded = this.handles.filter((handle) => handle.isRecorded && isLive(handle)).length < RECORDS_SMALLEST;
    const handle: ModelHandle = { kind, pool, bytes, birthSeconds: this.nowSeconds, isRecorded, state: 'held' };
    this.handles.push(handle);
    this.charge(pool, bytes);
    return handle;
  }

  grow(handle: ModelHandle, bytes: number): boolean {
    if (handle.state !== 'held' || !this.admits(handle.pool, bytes, bytes)) return false;
    this.pool(handle.pool).charge(bytes);
    handle.bytes += bytes;
    return true;
  }

  shrink(handle: ModelHandle, bytes: number): void {
    this.pool(handle.pool).discharge(bytes);
    handle.bytes -= bytes;
  }

  /** The manager has no say: its sum stays. */
  transfer(handle: ModelHandle, pool: number): boolean {
    if (handle.state !== 'held') return false;
    if (handle.pool === pool) return true;
    if (!this.admits(pool, handle.bytes, 0)) return false;
    this.charge(pool, handle.bytes);
    this.end(handle, 'held');
    handle.pool = pool;
    return true;
  }

  /** Uncharges a handle, for whatever reason. */
  end(handle: ModelHandle, state: ModelHandle['state']): void {
    const pool = this.pool(handle.pool);
    pool.live -= 1;
    pool.discharge(handle.bytes);
    handle.state = state;
  }

  /** What is known to be lost is released when a request would be refused otherwise. */
  releaseLost(isIn: (pool: number) => boolean): void {
    for (const handle of this.handles) if (handle.state === 'lost' && isIn(handle.pool)) this.end(handle, 'gone');
  }

  /** With force; what has no record has no age. */
  takeStale(isIn: (pool: number) => boolean, ageSeconds: number): ModelHandle[] {
    const stale = this.handles.filter(
      ({ state, isRecorded, pool, birthSeconds }) =>
        state === 'held' && isRecorded && isIn(pool) && this.nowSeconds - birthSeconds > ageSeconds,
    );
    for (const handle of stale) this.end(handle, 'revoked');
    return stale;
  }

  private charge(index: number, bytes: number): void {
    const pool = this.pool(index);
    pool.allocations += 1;
    pool.live += 1;
    pool.charge(bytes);
  }

  private admits(index: number, bytes: number, moreOfManager: number): boolean {
    const pool = this.pool(index);
    // A request for more than the whole limit is refused whatever is released.
    if (pool.usedBytes + bytes > pool.limitBytes && bytes <= pool.limitBytes)
      this.releaseLost((lost) => lost === index);
    const fitsPool = pool.usedBytes + bytes <= pool.limitBytes;
    if (fitsPool && this.usedBytes + moreOfManager > this.limitBytes) this.releaseLost(() => true);
    if (fitsPool && this.usedBytes + moreOfManager <= this.limitBytes) return true;
    pool.rejections += 1;
    return false;
  }
}

/** Charged: in somebody's hands, or lost and not yet released. */
export function isLive({ state }: ModelHandle): boolean {
  return state === 'held' || state === 'lost';
}
