import { MemtoolError } from '../../errors.ts';
import {
  ACCOUNT_BIGINT,
  ACCOUNT_ROW_BYTES,
  ACCOUNTS_AT,
  HEADER,
  NAMED_ACCOUNTS,
  NAMED_ACCOUNTS_MAX,
} from '../ledger/layout.ts';
import { SharedAccount } from './shared-account.ts';
import type { SharedViews } from './shared-views.ts';

/** A row's `key` holds a hash above the number of threads that use it, so that one exchange changes both. */
const USERS_BITS = 7n;
const USERS_MASK: bigint = (1n << USERS_BITS) - 1n;
/** The last user is clearing the row: nobody joins it any more. */
const CLOSING: bigint = USERS_MASK;
const FREE = 0n;
/** As `FREE`, where a key may yet stand further on. */
const FREED: bigint = 1n << USERS_BITS;

/** So many rows from where its hash points are looked through for a name. */
const PROBES_MAX = 64;

/**
 * Accounts that threads find by name: users and transactions. A row is known by a hash of its name (56 bits: among a
 * million names, two meet once in a hundred thousand times), so that one compare-and-exchange names and claims it.
 */
export class NamedAccounts {
  private readonly views: SharedViews;

  constructor(views: SharedViews) {
    this.views = views;
  }

  /**
   * The account of a name, for this thread to enter, and to `release` when it is done; a fresh one has no limit.
   *
   * @param tally where this thread charges it
   * @throws MemtoolError `MEMTOOL_TOO_MANY_SCOPES`
   */
  join(name: string, tally: number): SharedAccount {
    const { threads, thread } = this.views;
    const hash = hashOf(name);
    threads.setBusy(thread, true);
    try {
      for (;;) {
        const row = this.find(hash) ?? this.claim(hash);
        if (row === undefined) continue;
        const account = new SharedAccount(this.views, row);
        account.setTally(thread, tally);
        return account;
      }
    } finally {
      threads.setBusy(thread, false);
    }
  }

  /** With the last thread that releases it the row is free, and its limit forgotten. */
  release(account: SharedAccount): void {
    const { threads, thread } = this.views;
    // Before it leaves: a repair must not count it out, and it itself as well.
    threads.setBusy(thread, true);
    account.leave();
    for (;;) {
      const seen = this.key(account.row);
      if (this.exchange(account.row, seen, (seen & USERS_MASK) === 1n ? seen | CLOSING : seen - 1n)) {
        if ((seen & USERS_MASK) === 1n) this.free(account);
        break;
      }
    }
    threads.setBusy(thread, false);
  }

  /** The account of a name, if any thread uses it; it may be gone with the next look. */
  peek(name: string): SharedAccount | undefined {
    const hash = hashOf(name);
    for (const row of probes(hash)) {
      const seen = this.key(row);
      if (seen === FREE) return undefined;
      if (seen >> USERS_BITS === hash && (seen & USERS_MASK) !== CLOSING) return new SharedAccount(this.views, row);
    }
    return undefined;
  }

  /**
   * Counts the users of a row again, after one of them has died.
   *
   * @returns false when somebody was at it meanwhile: try again later
   */
  repair(account: SharedAccount): boolean {
    const { threads, thread } = this.views;
    const seen = this.key(account.row);
    if (seen <= FREED) return true;
    if (threads.isAnyBusy(thread)) return false;
    let users = 0n;
    for (let other = 0; other < threads.count; other += 1) if (account.tallyOf(other) > 0) users += 1n;
    // One that has begun since may be counted here and not there, or the other way round.
    if (threads.isAnyBusy(thread)) return false;
    if (users === 0n) {
      if (this.exchange(account.row, seen, seen | CLOSING)) this.free(account);
      return true;
    }
    return this.exchange(account.row, seen, (seen & ~USERS_MASK) | users);
  }

  all(): SharedAccount[] {
    const count = Math.min(NAMED_ACCOUNTS_MAX, Atomics.load(this.views.words, HEADER.namedAccounts));
    const rows = Array.from({ length: count }, (_, index) => NAMED_ACCOUNTS + index);
    return rows.filter((row) => this.key(row) > FREED).map((row) => new SharedAccount(this.views, row));
  }

  /** Joins the row of a hash, if there is one. */
  private find(hash: bigint): number | undefined {
    for (const row of probes(hash)) {
      for (;;) {
        const seen = this.key(row);
        if (seen === FREE) return undefined;
        if (seen >> USERS_BITS !== hash || (seen & USERS_MASK) === CLOSING) break;
        if (this.exchange(row, seen, seen + 1n)) return row;
      }
    }
    return undefined;
  }

  /** Takes a free row. @returns `undefined` when another thread came first. @throws MemtoolError `MEMTOOL_TOO_MANY_SCOPES` */
  private claim(hash: bigint): number | undefined {
    for (const row of probes(hash)) {
      const seen = this.key(row);
      if (seen >> USERS_BITS === hash && (seen & USERS_MASK) !== CLOSING) return undefined;
      if (seen !== FREE && seen !== FREED) continue;
      const claimed = (hash << USERS_BITS) | 1n;
      if (!this.exchange(row, seen, claimed)) return undefined;
      this.noteRows(row + 1 - NAMED_ACCOUNTS);
      if (!this.hasTwin(row, hash)) return row;
      // Claimed at the same time, in a row that was freed between: one account for one name.
      if (!this.exchange(row, claimed, FREED)) return row;
      return undefined;
    }
    throw new MemtoolError(
      'MEMTOOL_TOO_MANY_SCOPES',
      `So many users and transactions are open in the threads of this manager that there is no room for one more.`,
      { hint: `End them when their work is done: there is room for about ${NAMED_ACCOUNTS_MAX / 2} at a time.` },
    );
  }

  private hasTwin(row: number, hash: bigint): boolean {
    for (const other of probes(hash)) {
      const seen = this.key(other);
      if (other !== row && seen >> USERS_BITS === hash && (seen & USERS_MASK) !== CLOSING) return true;
    }
    return false;
  }

  /** The row is nobody's: cleared before it can be claimed. */
  private free(account: SharedAccount): void {
    account.clear();
    Atomics.store(this.views.bigints, at(account.row), FREED);
  }

  private key(row: number): bigint {
    return Atomics.load(this.views.bigints, at(row));
  }

  private exchange(row: number, seen: bigint, next: bigint): boolean {
    return Atomics.compareExchange(this.views.bigints, at(row), seen, next) === seen;
  }

  private noteRows(count: number): void {
    const { words } = this.views;
    for (;;) {
      const seen = Atomics.load(words, HEADER.namedAccounts);
      if (seen >= count || Atomics.compareExchange(words, HEADER.namedAccounts, seen, count) === seen) return;
    }
  }
}

/** Index of a row's key. */
function at(row: number): number {
  return ((ACCOUNTS_AT + row * ACCOUNT_ROW_BYTES) >> 3) + ACCOUNT_BIGINT.key;
}

function* probes(hash: bigint): Iterable<number> {
  const start = Number(hash % BigInt(NAMED_ACCOUNTS_MAX));
  for (let step = 0; step < PROBES_MAX; step += 1) yield NAMED_ACCOUNTS + ((start + step) % NAMED_ACCOUNTS_MAX);
}

/** Two FNV-1a hashes of 28 bits over UTF-16 units, from different starts; never 0 or 1. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(name: string): bigint {
  let high = 0x811c9dc5;
  let low = 0x050c5d1f;
  for (let index = 0; index < name.length; index += 1) {
    const unit = name.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit ^ (high >>> 15), 0x01000193);
  }
  return ((BigInt(high >>> 4) << 28n) | BigInt(low >>> 4)) + 2n;
}
