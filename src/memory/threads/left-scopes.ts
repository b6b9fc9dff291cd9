import {
  HEADER,
  RECORD_SCOPE,
  SCOPE_ENDED,
  SCOPE_ROW_BYTES,
  SCOPE_WORD,
  SCOPES_AT,
  SCOPES_MAX,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** The scopes of one dead thread that its records still name. */
interface Estate {
  rows: Set<number>;
  records: number;
}

/** Scopes of dead threads: they have ended, and their names are kept for the reports until nothing is held for them. */
export class LeftScopes {
  private readonly ledger: Ledger;
  private readonly byRow = new Map<number, Estate>();

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    ledger.leftScopes = this;
  }

  /** @param records of the dead thread that are charged to a scope */
  inherit(dead: number, records: readonly number[]): void {
    const { ledger } = this;
    const estate: Estate = { rows: new Set(), records: 0 };
    for (const record of records) {
      const row = ledger.word((record << 3) + RECORD_SCOPE);
      if (row >= SCOPES_MAX) continue;
      estate.records += 1;
      for (const named of [
        row,
        this.word(row, SCOPE_WORD.parent),
        this.word(row, SCOPE_WORD.user),
        this.word(row, SCOPE_WORD.transaction),
      ])
        if (named > 0) estate.rows.add(named);
    }
    const rows = Math.min(SCOPES_MAX, ledger.word(HEADER.scopeRows));
    for (let row = 1; row < rows; row += 1) {
      if (this.word(row, SCOPE_WORD.state) === 0 || this.word(row, SCOPE_WORD.thread) !== dead) continue;
      this.setWord(row, SCOPE_WORD.thread, ledger.thread);
      this.setWord(row, SCOPE_WORD.account, 0);
      if (estate.rows.has(row)) {
        this.setWord(row, SCOPE_WORD.state, SCOPE_ENDED);
        this.byRow.set(row, estate);
      } else this.free(row);
    }
  }

  /** A record that named the row was released. */
  leave(row: number): void {
    const estate = this.byRow.get(row);
    if (estate === undefined) return;
    estate.records -= 1;
    if (estate.records > 0) return;
    for (const one of estate.rows) {
      this.byRow.delete(one);
      this.free(one);
    }
  }

  private free(row: number): void {
    this.setWord(row, SCOPE_WORD.state, 0);
    this.ledger.freeScopeRows.push(row);
  }

  private word(row: number, word: number): number {
    return this.ledger.word(((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2) + word);
  }

  private setWord(row: number, word: number, value: number): void {
    this.ledger.words[((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2) + word] = value;
  }
}
