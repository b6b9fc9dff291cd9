import {
  HEADER,
  RECORD_GENERATION,
  RECORD_SCOPE,
  SCOPE_ENDED,
  SCOPE_NAME_OFFSET,
  SCOPE_ROW_BYTES,
  SCOPE_WORD,
  SCOPES_AT,
  SCOPES_MAX,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { recordRange } from '../ledger/scan.ts';

/** Where a row's name begins, in words: with its length. */
const NAME_LENGTH: number = SCOPE_NAME_OFFSET >> 2;

/**
 * Scopes of dead threads: they have ended, and their names are kept for the reports until no record names them any more,
 * whosever it is: one heir may have died and left the records to another than the rows.
 */
export class LeftScopes {
  private readonly ledger: Ledger;
  /** With the number of the thread that they were of: the next of that number has them again. */
  private readonly rows = new Map<number, number>();
  private isSweepDue = false;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    ledger.leftScopes = this;
  }

  inherit(dead: number): void {
    for (const row of this.rowsOf(dead)) {
      if (this.word(row, SCOPE_WORD.state) === 0) continue;
      this.setWord(row, SCOPE_WORD.account, 0);
      this.setWord(row, SCOPE_WORD.state, SCOPE_ENDED);
      this.setWord(row, SCOPE_WORD.thread, this.ledger.thread);
      this.rows.set(row, dead);
    }
    this.isSweepDue = true;
  }

  /** Takes up the rows of those that had this thread's number before. It has no scopes yet. */
  adopt(): void {
    for (const row of this.rowsOf(this.ledger.thread)) {
      if (this.word(row, SCOPE_WORD.state) !== 0) this.rows.set(row, this.ledger.thread);
      // Without a name it has never been used: its number was just taken, by whom cannot be seen.
      else if (this.word(row, NAME_LENGTH) > 0) this.ledger.freeScopeRows.push(row);
    }
    this.isSweepDue = this.rows.size > 0;
  }

  /** A record that named the row was released. */
  leave(row: number): void {
    if (this.rows.has(row)) this.isSweepDue = true;
  }

  /** Frees the rows that are named no more. Once that is so it stays so: no record comes to a scope that has ended. */
  sweep(): void {
    if (!this.isSweepDue) return;
    this.isSweepDue = false;
    const named = this.namedRows();
    for (const [row, thread] of this.rows) {
      if (named.has(row)) continue;
      this.rows.delete(row);
      this.setWord(row, SCOPE_WORD.state, 0);
      if (thread === this.ledger.thread) this.ledger.freeScopeRows.push(row);
      // Last of all: from here on it may be another's. Were it kept here, threads that come and go would use up the table.
      else Atomics.store(this.ledger.words, scopeWord(row, SCOPE_WORD.thread), thread);
    }
  }

  /** By live records, and what the reports tell of those. */
  private namedRows(): Set<number> {
    const { ledger } = this;
    const named = new Set<number>();
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      const row = ledger.word(at + RECORD_SCOPE);
      if (row > 0 && (ledger.word(at + RECORD_GENERATION) & 1) !== 0 && this.rows.has(row)) named.add(row);
    }
    for (const row of named) {
      named.add(this.word(row, SCOPE_WORD.parent));
      named.add(this.word(row, SCOPE_WORD.user));
      named.add(this.word(row, SCOPE_WORD.transaction));
    }
    return named;
  }

  private rowsOf(thread: number): number[] {
    const count = Math.min(SCOPES_MAX, this.ledger.word(HEADER.scopeRows));
    const rows: number[] = [];
    for (let row = 1; row < count; row += 1) if (this.word(row, SCOPE_WORD.thread) === thread) rows.push(row);
    return rows;
  }

  private word(row: number, word: number): number {
    return this.ledger.word(scopeWord(row, word));
  }

  private setWord(row: number, word: number, value: number): void {
    this.ledger.words[scopeWord(row, word)] = value;
  }
}

/** Index of one of a row's words. */
function scopeWord(row: number, word: number): number {
  return ((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2) + word;
}
