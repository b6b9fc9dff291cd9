import { MemtoolError } from '../../errors.ts';
import type { HeadroomOwner } from '../headroom.ts';
import { HEADER } from '../ledger/layout.ts';
import type { MemoryPool } from '../pool.ts';
import type { Watch } from '../watch.ts';
import { Heir } from './heir.ts';
import { SharedHeadroom } from './shared-headroom.ts';
import { Sharing } from './sharing.ts';
import { SpareRecords } from './spare-records.ts';
import { ThreadTable } from './thread-table.ts';
import { Transfers } from './transfers.ts';

/** What its part in a shared ledger needs of a manager. */
export interface ThreadsOwner extends HeadroomOwner {
  readonly watch: Watch;
  readonly pools: readonly MemoryPool[];
}

/** All that a manager has besides, once other threads share its ledger. */
export class ManagerThreads {
  readonly sharing: Sharing;
  readonly headroom: SharedHeadroom;
  readonly transfers: Transfers;
  private readonly owner: ThreadsOwner;
  private readonly heir: Heir;
  private readonly spares: SpareRecords;
  /** Whether its row in the ledger is another's by now, or nobody's. */
  hasLeft = false;

  private constructor(owner: ThreadsOwner, sharing: Sharing) {
    this.owner = owner;
    this.sharing = sharing;
    this.headroom = new SharedHeadroom(owner, sharing);
    const { headroom } = this;
    const { ledger, watch } = owner;
    const pools = (): readonly MemoryPool[] => owner.pools;
    const carry = (pool: MemoryPool, bytes: number): void => headroom.carry(pool, bytes);
    this.spares = new SpareRecords(ledger);
    this.heir = new Heir({ ledger, pools, carry }, sharing);
    this.transfers = new Transfers({ ledger, watch, pools, carry }, sharing);
  }

  /** The first thread opens what the others will draw on, with the limits that it has. */
  static open(owner: ThreadsOwner): ManagerThreads {
    const { ledger, limitBytes, pools } = owner;
    new ThreadTable(ledger.words).enter(ledger.thread);
    const sharing = new Sharing(ledger);
    sharing.manager.limitBytes = limitBytes;
    for (const pool of pools) sharing.pool(pool.index).limitBytes = pool.limitBytes;
    return new ManagerThreads(owner, sharing);
  }

  static join(owner: ThreadsOwner): ManagerThreads {
    const threads = new ManagerThreads(owner, new Sharing(owner.ledger));
    threads.heir.adopt();
    return threads;
  }

  /** Enters what the thread has charged already; the owner knows of its threads by now. */
  begin(): void {
    for (const pool of this.owner.pools) pool.shareWith(this.sharing.pool(pool.index));
    this.owner.ledger.scopes?.share();
  }

  /** A pool that came later. */
  addPool(pool: MemoryPool): void {
    pool.allowanceBytes = 0;
    pool.shareWith(this.sharing.pool(pool.index));
  }

  /** A pool is about to be added: who finds it must find its limit too. */
  preparePool(limitBytes: number): void {
    this.sharing.pool(this.owner.ledger.word(HEADER.poolCount)).limitBytes = limitBytes;
  }

  /** Takes over what dead threads left. @returns whether there was any */
  inherit(): boolean {
    return !this.hasLeft && this.heir.inherit();
  }

  /** Once a second: what other threads have charged may have changed a level. */
  tick(): void {
    this.spares.tick();
    for (const pool of this.owner.pools) pool.settleLevel();
    this.owner.ledger.scopes?.settleShared();
  }

  /** The manager is closed: nothing is held in advance any more, and the thread's row is free if nothing is left in it. */
  close(): void {
    const { sharing, owner } = this;
    sharing.endTurn();
    this.headroom.close();
    for (const pool of owner.pools) pool.share?.lower(0);
    // What is still held can still be freed, and ends with the thread.
    if (owner.ledger.holdsAnything() || owner.pools.some((pool) => pool.isHeldUnrecorded)) return;
    this.hasLeft = true;
    for (const pool of owner.pools) pool.leave();
    sharing.threads.vacate(sharing.views.thread);
  }
}

/** There are no other threads to send anything to. */
export function notShared(manager: string): MemtoolError {
  return new MemtoolError('MEMTOOL_NOT_SHARED', `The manager ${manager} is this thread's alone.`, {
    hint: 'Call share() and give what it returns to the other thread before anything is sent there.',
  });
}
