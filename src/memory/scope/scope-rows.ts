import { MemtoolError } from '../../errors.ts';
import type { ScopeKind } from '../../report/scopes.ts';
import {
  CLOCK,
  HEADER,
  SCOPE_ENDED,
  SCOPE_KINDS,
  SCOPE_LIMIT,
  SCOPE_NAME_BYTES,
  SCOPE_NAME_OFFSET,
  SCOPE_OPEN,
  SCOPE_ROW_BYTES,
  SCOPE_WORD,
  SCOPES_AT,
  SCOPES_MAX,
  TALLY_PEAK,
  TALLY_REJECTIONS,
  TALLY_USED,
  THREADS_MAX,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { readText, writeText } from '../ledger/text-table.ts';
import type { SharedAccount } from '../threads/shared-account.ts';

export interface ScopeFacts {
  kind: ScopeKind;
  name: string;
  limitBytes: number;
  parent: number | undefined;
  user: number | undefined;
  transaction: number | undefined;
}

/** The ledger's rows of scopes: where readers find who is open, and who has ended and still holds something. */
export class ScopeRows {
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  get isFull(): boolean {
    return this.ledger.freeScopeRows.length === 0 && this.ledger.word(HEADER.scopeRows) >= SCOPES_MAX;
  }

  /** @throws MemtoolError `MEMTOOL_TOO_MANY_SCOPES` when all rows are taken. */
  claim({ kind, name, limitBytes, parent = 0, user = 0, transaction = 0 }: ScopeFacts): number {
    const row = this.ledger.freeScopeRows.pop() ?? Atomics.add(this.ledger.words, HEADER.scopeRows, 1);
    if (row >= SCOPES_MAX) {
      Atomics.store(this.ledger.words, HEADER.scopeRows, SCOPES_MAX);
      throw new MemtoolError(
        'MEMTOOL_TOO_MANY_SCOPES',
        `The ${kind} ${name} would be one more than the ${SCOPES_MAX - 1} scopes that can be open or hold something at once.`,
        { hint: 'End scopes when their work is done; memtool leaks shows what ended ones still hold.' },
      );
    }
    const { words, doubles } = this.ledger;
    const tally = this.tally(row);
    doubles[tally + TALLY_USED] = 0;
    doubles[tally + TALLY_PEAK] = 0;
    doubles[tally + TALLY_REJECTIONS] = 0;
    doubles[tally + SCOPE_LIMIT] = limitBytes;
    const at = tally * 2;
    words[at + SCOPE_WORD.kind] = SCOPE_KINDS.indexOf(kind);
    words[at + SCOPE_WORD.parent] = parent;
    words[at + SCOPE_WORD.user] = user;
    words[at + SCOPE_WORD.transaction] = transaction;
    words[at + SCOPE_WORD.birth] = this.ledger.word(CLOCK);
    words[at + SCOPE_WORD.level] = 0;
    words[at + SCOPE_WORD.thread] = this.ledger.thread;
    words[at + SCOPE_WORD.account] = 0;
    this.setName(row, name);
    words[at + SCOPE_WORD.state] = SCOPE_OPEN;
    return row;
  }

  setName(row: number, name: string): void {
    writeText(this.ledger.shared, SCOPES_AT + row * SCOPE_ROW_BYTES + SCOPE_NAME_OFFSET, SCOPE_NAME_BYTES, name);
  }

  setUser(row: number, user: number): void {
    this.ledger.words[this.tally(row) * 2 + SCOPE_WORD.user] = user;
  }

  /** The scope has ended and something is still charged to it: the row keeps its name for the reports. */
  end(row: number): void {
    this.ledger.words[this.tally(row) * 2 + SCOPE_WORD.state] = SCOPE_ENDED;
  }

  giveBack(row: number): void {
    this.ledger.words[this.tally(row) * 2 + SCOPE_WORD.state] = 0;
    this.ledger.freeScopeRows.push(row);
  }

  /** Index of a row in the ledger's doubles; it begins as a tally does. */
  tally(row: number): number {
    return (SCOPES_AT + row * SCOPE_ROW_BYTES) >> 3;
  }

  ageSeconds(row: number): number {
    return this.ledger.word(CLOCK) - this.ledger.word(this.tally(row) * 2 + SCOPE_WORD.birth);
  }

  /** Row of the account that threads share. */
  setAccount(row: number, account: number): void {
    this.ledger.words[this.tally(row) * 2 + SCOPE_WORD.account] = account;
  }

  /** The user that other threads' parts of an account belong to: `null` without one, `undefined` where there are no parts. */
  userNameOf(account: SharedAccount): string | null | undefined {
    let isUsed = false;
    for (let thread = 0; thread < THREADS_MAX; thread += 1) {
      const tally = account.tallyOf(thread);
      const user = tally === 0 ? 0 : this.ledger.word(tally * 2 + SCOPE_WORD.user);
      isUsed ||= tally > 0;
      if (user <= 0 || user >= SCOPES_MAX) continue;
      const at = SCOPES_AT + user * SCOPE_ROW_BYTES + SCOPE_NAME_OFFSET;
      const name = readText(this.ledger.shared, at, SCOPE_NAME_BYTES);
      // Its rows are others' only after it has left the account.
      if (account.tallyOf(thread) === tally) return name;
    }
    return isUsed ? null : undefined;
  }

  setLevel(row: number, level: number): void {
    this.ledger.words[this.tally(row) * 2 + SCOPE_WORD.level] = level;
  }

  setLimit(row: number, limitBytes: number): void {
    this.ledger.doubles[this.tally(row) + SCOPE_LIMIT] = limitBytes;
  }
}
