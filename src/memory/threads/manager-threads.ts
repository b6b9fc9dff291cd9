import { MemtoolError } from '../../errors.ts';
import type { HeadroomOwner } from '../headroom.ts';
import type { MemoryPool } from '../pool.ts';
import type { Watch } from '../watch.ts';
import { Heir } from './heir.ts';
import { SharedHeadroom } from './shared-headroom.ts';
import { Sharing } from './sharing.ts';
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

  private constructor(owner: ThreadsOwner, sharing: Sharing) {
    this.owner = owner;
    this.sharing = sharing;
    this.headroom = new SharedHeadroom(owner, sharing);
    const { headroom } = this;
    const { ledger, watch } = owner;
    const pools = (): readonly MemoryPool[] => owner.pools;
    const carry = (pool: MemoryPool, bytes: number): void => headroom.carry(pool, bytes);
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
    return new ManagerThreads(owner, new Sharing(owner.ledger));
  }

  /** Enters what the thread has charged already; the owner knows of its threads by now. */
  begin(): void {
    for (const pool of this.owner.pools) pool.shareWith(this.sharing.pool(pool.index));
    this.owner.ledger.scopes?.share();
  }

  /** A pool that came later. @param isNew whether this thread has added it */
  addPool(pool: MemoryPool, isNew: boolean): void {
    const account = this.sharing.pool(pool.index);
    if (isNew) account.limitBytes = pool.limitBytes;
    pool.allowanceBytes = 0;
    pool.shareWith(account);
  }

  /** Takes over what dead threads left. @returns whether there was any */
  inherit(): boolean {
    return this.heir.inherit();
  }

  /** Once a second: what other threads have charged may have changed a level. */
  tick(): void {
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
    if (owner.ledger.holdsAnything()) return;
    for (const pool of owner.pools) pool.share?.account.leave();
    sharing.threads.vacate(sharing.views.thread);
  }
}

/** There are no other threads to send anything to. */
export function notShared(manager: string): MemtoolError {
  return new MemtoolError('MEMTOOL_NOT_SHARED', `The manager ${manager} is this thread's alone.`, {
    hint: 'Call share() and give what it returns to the other thread before anything is sent there.',
  });
}
