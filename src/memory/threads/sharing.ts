import { HEADER, MANAGER_ACCOUNT, POOL_ACCOUNTS } from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { NamedAccounts } from './named-accounts.ts';
import { SharedAccount } from './shared-account.ts';
import { sharedViews, type SharedViews } from './shared-views.ts';
import type { ThreadTable } from './thread-table.ts';

/** What holds headroom that it gives back when the turn of the event loop ends. */
export interface Drawing {
  endTurn(): void;
}

/** One thread's part in a manager that several threads share. */
export class Sharing {
  readonly views: SharedViews;
  readonly manager: SharedAccount;
  readonly named: NamedAccounts;
  private readonly drawing = new Set<Drawing>();
  private isEndOfTurnDue = false;

  constructor(ledger: Ledger) {
    this.views = sharedViews(ledger.shared, ledger, ledger.thread);
    this.manager = new SharedAccount(this.views, MANAGER_ACCOUNT);
    this.named = new NamedAccounts(this.views);
    Atomics.store(ledger.words, HEADER.isShared, 1);
  }

  get threads(): ThreadTable {
    return this.views.threads;
  }

  pool(index: number): SharedAccount {
    return new SharedAccount(this.views, POOL_ACCOUNTS + index);
  }

  /**
   * Has headroom given back when this turn of the event loop ends: what a thread holds back while it waits would be missing
   * elsewhere.
   */
  untilEndOfTurn(drawing: Drawing): void {
    this.drawing.add(drawing);
    if (this.isEndOfTurnDue) return;
    this.isEndOfTurnDue = true;
    setImmediate(() => this.endTurn()).unref();
  }

  /** It draws no more: what it held has gone back. */
  forget(drawing: Drawing): void {
    this.drawing.delete(drawing);
  }

  /** Gives back what was drawn in advance. */
  endTurn(): void {
    this.isEndOfTurnDue = false;
    const drawing = [...this.drawing];
    this.drawing.clear();
    for (const one of drawing) one.endTurn();
  }
}
