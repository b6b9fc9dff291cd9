import {
  ACCOUNT_BIGINT,
  ACCOUNT_ROW_BYTES,
  ACCOUNTS_AT,
  HEADER,
  MANAGER_ACCOUNT,
  PLACE_LOST,
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  POOL_ACCOUNTS,
  RECORD_GENERATION,
  RECORD_PLACE,
  RECORD_SCOPE,
  SCOPE_ROW_BYTES,
  SCOPE_WORD,
  SCOPES_AT,
  TALLY_USED,
} from '../../../src/memory/ledger/layout.ts';
import { recordRange } from '../../../src/memory/ledger/scan.ts';
import { accountName } from '../../../src/memory/scope/scope.ts';
import { NamedAccounts } from '../../../src/memory/threads/named-accounts.ts';
import { SharedAccount } from '../../../src/memory/threads/shared-account.ts';
import { sharedViews, type SharedViews } from '../../../src/memory/threads/shared-views.ts';
import { POOLS, type PoolName } from './accuracy-plan.ts';

/** An account as its words say, without anything that puts them right for a reader. */
export interface RawAccount {
  /** Of an account by name: what tells its name. */
  hash: bigint;
  /** Bytes and count of changes. */
  drawnWord: bigint;
  limitBytes: number;
  transitBytes: number;
  /** By thread. */
  drawnBy: number[];
  /** By thread. */
  chargedBy: number[];
}

export interface LiveRecord {
  bytes: number;
  pool: PoolName | undefined;
  thread: number;
  scopeRow: number;
  isLost: boolean;
  isInTransit: boolean;
}

/** Reads a ledger's words. */
export class LedgerView {
  readonly views: SharedViews;
  private readonly named: NamedAccounts;

  constructor(shared: SharedArrayBuffer) {
    const words = new Int32Array(shared, 0, shared.byteLength >> 2);
    const doubles = new Float64Array(shared, 0, shared.byteLength >> 3);
    this.views = sharedViews(shared, { words, doubles });
    this.named = new NamedAccounts(this.views);
  }

  get manager(): SharedAccount {
    return new SharedAccount(this.views, MANAGER_ACCOUNT);
  }

  pool(pool: PoolName): SharedAccount {
    return new SharedAccount(this.views, POOL_ACCOUNTS + POOLS.indexOf(pool));
  }

  /** The manager's and the pools'. */
  get accounts(): SharedAccount[] {
    return [this.manager, ...POOLS.map((pool) => this.pool(pool))];
  }

  /** `undefined` while no thread knows the user. */
  user(name: string): SharedAccount | undefined {
    return this.named.peek(accountName('user', name));
  }

  /** Accounts by name that are in use. */
  get namedCount(): number {
    return this.named.all().length;
  }

  raw(account: SharedAccount): RawAccount {
    const { bigints, doubles, threads } = this.views;
    const at = (ACCOUNTS_AT + account.row * ACCOUNT_ROW_BYTES) >> 3;
    const word = (index: number): bigint => Atomics.load(bigints, at + index);
    const rows = Array.from({ length: threads.count }, (_, thread) => thread);
    return {
      hash: word(ACCOUNT_BIGINT.key) >> 7n,
      drawnWord: word(ACCOUNT_BIGINT.drawn),
      limitBytes: account.limitBytes,
      transitBytes: Number(BigInt.asIntN(64, word(ACCOUNT_BIGINT.transit))),
      drawnBy: rows.map((thread) => Number(BigInt.asIntN(64, word(ACCOUNT_BIGINT.cells + thread)))),
      chargedBy: rows.map((thread) => {
        const tally = account.tallyOf(thread);
        return tally === 0 ? 0 : (doubles[tally + TALLY_USED] ?? 0);
      }),
    };
  }

  records(): LiveRecord[] {
    const { words, doubles } = this.views;
    const records: LiveRecord[] = [];
    const [first, end] = recordRange(this.views);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      if (((words[at + RECORD_GENERATION] ?? 0) & 1) === 0) continue;
      const place = words[at + RECORD_PLACE] ?? 0;
      records.push({
        bytes: doubles[record << 2] ?? 0,
        pool: POOLS[place & PLACE_POOL_MASK],
        thread: (place & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT,
        scopeRow: words[at + RECORD_SCOPE] ?? 0,
        isLost: (place & PLACE_LOST) !== 0,
        isInTransit: (place & PLACE_TRANSIT) !== 0,
      });
    }
    return records;
  }

  /** Rows of the table of threads that are taken. */
  get threads(): number[] {
    const { threads } = this.views;
    return Array.from({ length: threads.count }, (_, thread) => thread).filter((thread) => threads.isTaken(thread));
  }

  /** Rows of scopes that are open, or ended and still holding. */
  get scopeRows(): number[] {
    const { words } = this.views;
    const rows = Array.from({ length: words[HEADER.scopeRows] ?? 0 }, (_, row) => row);
    return rows.filter((row) => words[((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2) + SCOPE_WORD.state] !== 0);
  }
}

export function drawnBytes({ drawnWord }: RawAccount): number {
  return Number(BigInt.asUintN(48, drawnWord));
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
