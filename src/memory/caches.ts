import type { CacheStats } from '../report/stats.ts';
import { makeFinalizers } from './finalizers.ts';
import type { MemoryPool } from './pool.ts';
import type { Reclaimer, Reclaimers } from './reclaimers.ts';
import type { MemoryReservation } from './reservation.ts';

/** What a cache says of itself and can do for its pool. */
export interface CacheSource {
  readonly name: string;
  figures(): CacheFigures;
  /** Gives back about so much. @returns the bytes that it gave back */
  reclaim(targetBytes: number): number | Promise<number>;
}

export type CacheFigures = Omit<CacheStats, 'manager' | 'pool' | 'name'>;

/** What the caches need of their manager. */
export interface CachesOwner {
  readonly name: string;
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly reclaimers: Reclaimers;
  readonly ledger: { countObservers(change: number): void };
  readonly isClosed: boolean;
  assertOpen(): void;
  untracked<Result>(fn: () => Result): Result;
}

/** A cache's account with its pool: one reservation for all that it holds. */
export interface CacheAccount {
  readonly charge: MemoryReservation;
  readonly manager: string;
  /** Whether the manager grants anything any more. */
  isOpen(): boolean;
  /** @throws MemtoolError `MEMTOOL_CLOSED` once the manager is */
  assertOpen(): void;
  /** What the pool and the manager have left. */
  roomBytes(): number;
  /** Runs a function in no scope. */
  untracked<Result>(fn: () => Result): Result;
  /** Gives the charge back, and is shown no more. */
  close(): void;
}

/** A program has a handful; a report must stay small where it has one for each of its users. */
const SHOWN_MAX = 256;
const OTHERS = '(others)';

interface Member {
  pool: MemoryPool;
  source: WeakRef<CacheSource>;
  removeReclaimer: () => void;
}

/**
 * The caches in a manager's pools. They are not kept alive by this: one that the program has dropped without closing it is
 * collected, and its charge is then lost, as that of anything else.
 */
export class Caches {
  private readonly owner: CachesOwner;
  private readonly members = new Map<number, Member>();
  private readonly finalizers = makeFinalizers<Caches>(this, (caches, ticket) => caches.remove(ticket));
  private lastTicket = 0;

  constructor(owner: CachesOwner) {
    this.owner = owner;
  }

  /** @throws MemtoolError `MEMTOOL_CLOSED` */
  add(pool: MemoryPool, source: CacheSource): CacheAccount {
    const { owner } = this;
    const charge = pool.keep(`cache:${source.name}`);
    const weak = new WeakRef(source);
    this.lastTicket += 1;
    const ticket = this.lastTicket;
    const removeReclaimer = owner.reclaimers.add(pool, reclaimerOf(weak));
    this.members.set(ticket, { pool, source: weak, removeReclaimer });
    this.finalizers.register(source, ticket);
    owner.ledger.countObservers(1);
    return {
      charge,
      manager: owner.name,
      isOpen: () => !owner.isClosed,
      assertOpen: () => owner.assertOpen(),
      roomBytes: () => {
        const bytes = pool.limitBytes - pool.usedBytes;
        return owner.limitBytes === Infinity ? bytes : Math.min(bytes, owner.limitBytes - owner.usedBytes);
      },
      untracked: (fn) => owner.untracked(fn),
      close: () => {
        this.remove(ticket);
        charge[Symbol.dispose]();
      },
    };
  }

  stats(): CacheStats[] {
    const rows: CacheStats[] = [];
    const others = new Map<MemoryPool, CacheStats>();
    for (const { pool, source: weak } of this.members.values()) {
      const source = weak.deref();
      if (source === undefined) continue;
      const row = { manager: this.owner.name, pool: pool.name, name: source.name, ...source.figures() };
      const sum = others.get(pool);
      if (rows.length < SHOWN_MAX) rows.push(row);
      else others.set(pool, sum === undefined ? { ...row, name: OTHERS } : together(sum, row));
    }
    return [...rows, ...others.values()];
  }

  private remove(ticket: number): void {
    const member = this.members.get(ticket);
    if (member === undefined) return;
    this.members.delete(ticket);
    member.removeReclaimer();
    this.owner.ledger.countObservers(-1);
  }
}

/** Apart, so that it keeps nothing alive but the weak reference. */
function reclaimerOf(weak: WeakRef<CacheSource>): Reclaimer {
  return (targetBytes) => weak.deref()?.reclaim(targetBytes) ?? 0;
}

function together(a: CacheStats, b: CacheStats): CacheStats {
  const hits = a.hits + b.hits;
  const misses = a.misses + b.misses;
  return {
    ...a,
    entries: a.entries + b.entries,
    maxEntries: a.maxEntries + b.maxEntries,
    usedBytes: a.usedBytes + b.usedBytes,
    maxBytes: a.maxBytes + b.maxBytes,
    hits,
    misses,
    hitPercent: hitPercent(hits, misses),
    evictions: a.evictions + b.evictions,
    refusals: a.refusals + b.refusals,
    savedBytes: a.savedBytes + b.savedBytes,
  };
}

/** `null` before the first lookup. */
export function hitPercent(hits: number, misses: number): number | null {
  return hits + misses === 0 ? null : (100 * hits) / (hits + misses);
}
