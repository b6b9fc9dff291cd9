import type { CleanupRow } from '../report/cleanup.ts';
import type { Account } from './account.ts';
import { formatSeconds } from '../units.ts';
import {
  LABEL_TAG_MASK,
  PLACE_KEPT,
  PLACE_LOST,
  PLACE_ORPHANED,
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  RECORD_GENERATION,
  RECORD_PLACE,
} from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';
import { groupRecords, recordRange } from './ledger/scan.ts';
import type { Thresholds } from './level.ts';
import type { MemoryPool } from './pool.ts';
import type { ReclaimOutcome, Reclaimers } from './reclaimers.ts';
import type { ManagerCleanup } from './registry.ts';

/** What cleanup works on: one thread's side of a manager. */
export interface CleanupTarget extends Account {
  readonly ledger: Ledger;
  readonly thresholds: Thresholds;
  readonly reclaimers: Reclaimers;
  readonly pools: readonly MemoryPool[];
  /** Gives up what was sent to another thread and nobody has received for longer than this. */
  dropTransfers(ageSeconds: number, onDrop: (record: number, pool: MemoryPool, bytes: number) => void): void;
}

/** What is older than this, in seconds, counts as stale, unless a caller says otherwise. */
export const AGE_SECONDS_DEFAULT = 300;

export interface CleanupPlan {
  pools: readonly MemoryPool[];
  ageSeconds: number;
  dryRun: boolean;
  force: boolean;
  /** Whether stale records and idle memory are looked at too; auto-cleanup does not. */
  complete: boolean;
  /** The scope that is over its limit, if one is: its memory is in any pool. */
  scope?: Account | undefined;
}

/** Reclaimers are asked for enough to bring the account this far below its warning threshold. */
const RECLAIM_MARGIN = 0.05;

/**
 * Gives back what nobody needs, in the order of certainty: what is lost; what the reclaimers of pools under pressure give;
 * what is stale, where the pool or `force` allows it; arena memory that lies idle. Nothing that can still be reached is
 * ever handed out twice.
 */
export async function cleanUp(target: CleanupTarget, plan: CleanupPlan): Promise<ManagerCleanup> {
  const reclaimed = new Rows(target);
  const left = new Rows(target);
  if (plan.dryRun) foresee(target, plan, reclaimed, left);
  else {
    releaseLost(plan, reclaimed);
    releaseOrphaned(target.ledger, plan.pools, (record, pool, bytes) =>
      reclaimed.add('orphaned', pool, target.ledger.tagOf(record), bytes),
    );
    const failed = await askReclaimers(target, plan, reclaimed);
    if (plan.complete) {
      takeStale(target, plan, reclaimed);
      for (const pool of plan.pools) reclaimed.add('idle', pool, null, pool.trim());
    }
    // Only now is it known what they left in place.
    for (const { pool, problem } of failed) left.add('reclaimer', pool, null, pool.usedBytes, 1, problem);
  }
  if (plan.complete) listStale(target, plan, left);
  return { reclaimed: reclaimed.sorted(), left: left.sorted() };
}

function releaseLost({ pools }: CleanupPlan, reclaimed: Rows): void {
  for (const pool of pools) {
    pool.recovery.releaseLost((record, bytes) =>
      reclaimed.add('lost', pool, record > 0 ? pool.ledger.tagOf(record) : null, bytes),
    );
  }
}

async function askReclaimers(
  target: CleanupTarget,
  { pools, scope }: CleanupPlan,
  reclaimed: Rows,
): Promise<ReclaimOutcome[]> {
  const failed: ReclaimOutcome[] = [];
  for (const pool of largestFirst(pools)) {
    const targetBytes = reclaimTarget(target, pool, scope);
    if (targetBytes <= 0) continue;
    // One after the other: what the first gives back may be enough for the next.
    // oxlint-disable-next-line no-await-in-loop
    const outcome = await target.reclaimers.ask(pool, targetBytes);
    reclaimed.add('reclaimer', pool, null, outcome.bytes, outcome.count);
    if (outcome.problem !== undefined) failed.push(outcome);
  }
  return failed;
}

function largestFirst(pools: readonly MemoryPool[]): MemoryPool[] {
  return pools.toSorted((a, b) => b.usedBytes - a.usedBytes);
}

/**
 * What a pool is asked for: enough to end its own pressure and, as far as it can, the manager's and the scope's, for the part
 * of it that this thread holds. 0 without pressure.
 */
function reclaimTarget(target: CleanupTarget, pool: MemoryPool, scope?: Account): number {
  const { thresholds } = target;
  const outside = Math.max(excess(target, thresholds), scope === undefined ? 0 : excess(scope, thresholds));
  const { usedBytes, ownBytes } = pool;
  const bytes = Math.max(excess(pool, thresholds), Math.min(outside, usedBytes));
  return usedBytes > ownBytes ? Math.ceil((bytes * ownBytes) / usedBytes) : bytes;
}

function excess({ level, usedBytes, limitBytes }: Account, { warning }: Thresholds): number {
  // With a limit of 0 the level is always normal.
  return level === 'normal' && usedBytes <= limitBytes
    ? 0
    : Math.max(0, Math.ceil(usedBytes - limitBytes * (warning - RECLAIM_MARGIN)));
}

/** Uncharges what was held for scopes that have ended. Who still has a handle may go on looking at its bytes. */
export function releaseOrphaned(
  ledger: Ledger,
  pools: readonly MemoryPool[],
  onRelease?: (record: number, pool: MemoryPool, bytes: number) => void,
): void {
  if (ledger.scopes === undefined) return;
  forOwnRecords(ledger, pools, (record, pool, place) => {
    if ((place & PLACE_ORPHANED) === 0) return;
    onRelease?.(record, pool, ledger.double(record << 2));
    pool.recovery.take(record);
  });
}

/** Takes stale records: all with `force`, else those of pools that opted in. Their handles are revoked. */
function takeStale(target: CleanupTarget, plan: CleanupPlan, reclaimed: Rows): void {
  const { ledger } = target;
  const takers = plan.pools.filter((pool) => plan.force || pool.staleAfterSeconds < Infinity);
  forOwnRecords(ledger, takers, (record, pool, place) => {
    if ((place & PLACE_KEPT) !== 0 || ledger.ageSeconds(record) <= takenAfterSeconds(plan, pool)) return;
    reclaimed.add('stale', pool, ledger.tagOf(record), ledger.double(record << 2));
    pool.recovery.take(record, true);
  });
  // What nobody has received can be nobody's yet.
  if (plan.force)
    target.dropTransfers(plan.ageSeconds, (record, pool, bytes) =>
      reclaimed.add('stale', pool, target.ledger.tagOf(record), bytes),
    );
}

/** What is older than this is taken: with `force` everywhere, else where the pool opted in. */
function takenAfterSeconds({ force, ageSeconds }: CleanupPlan, { staleAfterSeconds }: MemoryPool): number {
  return force ? Math.min(ageSeconds, staleAfterSeconds) : staleAfterSeconds;
}

/** Visits the live records of this thread in these pools; only their owner may write them. What is lost or on its way to another thread is left out. */
function forOwnRecords(
  ledger: Ledger,
  pools: readonly MemoryPool[],
  visit: (record: number, pool: MemoryPool, place: number) => void,
): void {
  if (pools.length === 0) return;
  const byIndex = new Map(pools.map((pool) => [pool.index, pool]));
  const own = ledger.thread << PLACE_THREAD_SHIFT;
  const [first, end] = recordRange(ledger);
  for (let record = first; record < end; record += 1) {
    const at = record << 3;
    if ((ledger.word(at + RECORD_GENERATION) & 1) === 0) continue;
    const place = ledger.word(at + RECORD_PLACE);
    if ((place & PLACE_THREAD_MASK) !== own) continue;
    const pool = byIndex.get(place & PLACE_POOL_MASK);
    if (pool !== undefined && (place & (PLACE_LOST | PLACE_TRANSIT)) === 0) visit(record, pool, place);
  }
}

/** What a cleanup would do, from the ledger alone. */
function foresee(target: CleanupTarget, plan: CleanupPlan, reclaimed: Rows, left: Rows): void {
  const { ledger } = target;
  for (const pool of plan.pools) {
    const age = takenAfterSeconds(plan, pool);
    for (const group of groupRecords(ledger, { ageSeconds: age, pool: pool.index, thread: ledger.thread })) {
      if (group.kind === 'live') continue;
      reclaimed.add(group.kind, pool, ledger.tagText(group.label & LABEL_TAG_MASK), group.bytes, group.count);
    }
    for (const slot of pool.recovery.lostSlots) reclaimed.add('lost', pool, null, slot.unrecordedBytes);
    reclaimed.add('idle', pool, null, pool.idleBytes);
  }
  for (const pool of largestFirst(plan.pools)) {
    const count = target.reclaimers.count(pool);
    const bytes = reclaimTarget(target, pool);
    if (count === 0 || bytes <= 0) continue;
    left.add('reclaimer', pool, null, bytes, count, 'A real cleanup would ask the application for this much.');
  }
}

/** Stale records that stay, and why. */
function listStale({ ledger }: CleanupTarget, plan: CleanupPlan, left: Rows): void {
  if (plan.force) return;
  const byIndex = new Map(plan.pools.map((pool) => [pool.index, pool]));
  for (const group of groupRecords(ledger, { ageSeconds: plan.ageSeconds, thread: ledger.thread })) {
    const pool = byIndex.get(group.pool);
    if (group.kind !== 'stale' || pool === undefined || pool.staleAfterSeconds <= plan.ageSeconds) continue;
    const reason = `Still referred to, for up to ${formatSeconds(group.oldestAgeSeconds)}; only --force takes it, and its holder then gets an error.`;
    left.add('stale', pool, ledger.tagText(group.label & LABEL_TAG_MASK), group.bytes, group.count, reason);
  }
}

/** Rows of a cleanup, one for each kind, pool and tag. */
class Rows {
  private readonly manager: string;
  private readonly rows = new Map<string, CleanupRow>();

  constructor({ name }: CleanupTarget) {
    this.manager = name;
  }

  add(kind: CleanupRow['kind'], pool: MemoryPool, tag: string | null, bytes: number, count = 1, reason?: string): void {
    if (bytes === 0 && (kind === 'idle' || kind === 'reclaimer')) return;
    const key = `${kind}\0${pool.index}\0${tag ?? '\0'}`;
    let row = this.rows.get(key);
    if (row === undefined) {
      row = { manager: this.manager, kind, pool: pool.name, tag, count: 0, bytes: 0 };
      if (reason !== undefined) row.reason = reason;
      this.rows.set(key, row);
    }
    row.count += count;
    row.bytes += bytes;
  }

  sorted(): CleanupRow[] {
    return [...this.rows.values()].toSorted((a, b) => b.bytes - a.bytes);
  }
}
