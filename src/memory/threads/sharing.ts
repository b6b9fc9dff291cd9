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

/** What one thread has drawn of the manager's own limit. */
export interface Headroom {
  /** Gives back what is not used, when another thread has lowered the limit below what is drawn. */
  heed(): void;
}

/** One thread's part in a manager that several threads share. */
export class Sharing {
  readonly views: SharedViews;
  readonly manager: SharedAccount;
  readonly named: NamedAccounts;
  headroom: Headroom | undefined = undefined;
  /**
   * Set while a request is being granted: what is given back meanwhile stays drawn until the turn ends, since it may be what
   * this very request was promised.
   */
  isGranting = false;
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
    // Not unref'd: in a thread with nothing else to do it would then wait for the next message or timer (Node 20 to 26, when it
    // is set by a timer), and it keeps no process alive for longer than this turn.
    setImmediate(() => this.endTurn());
  }

  /** Does what may free memory in the middle of a request. */
  whileGranting<Result>(work: () => Result): Result {
    const wasGranting = this.isGranting;
    this.isGranting = true;
    try {
      return work();
    } finally {
      this.isGranting = wasGranting;
    }
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
