import { LEVELS, type Level } from '../../report/level.ts';
import type { LeakScope, ScopeKind, ScopeSort, ScopeStats } from '../../report/scopes.ts';
import { nextLevel, usedPercent } from '../level.ts';
import {
  ACCOUNTS_MAX,
  CLOCK,
  HEADER,
  HEADER_DOUBLE,
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
  TALLY_USED,
} from './layout.ts';
import { SharedAccount } from '../threads/shared-account.ts';
import type { SharedViews } from '../threads/shared-views.ts';
import { readText } from './text-table.ts';

/** Some scopes, and how many there are in all. */
export interface ScopeSelection {
  scopes: ScopeStats[];
  count: number;
  /** What all of them hold together, each byte once: a scope's count has those of the scopes within it. */
  usedBytes: number;
}

/** Reads the scopes of a ledger from any thread. A row that changes under it may be mixed: one scope's name, another's bytes. */
export class ScopeReader {
  private readonly shared: SharedArrayBuffer;
  private readonly views: SharedViews;

  constructor(shared: SharedArrayBuffer, views: SharedViews) {
    this.shared = shared;
    this.views = views;
  }

  /** The first `max` of the open scopes by `sort`, largest first. */
  open(manager: string, max: number, sort: ScopeSort): ScopeSelection {
    return this.largest(manager, max, (row) => this.figure(row, sort));
  }

  /** The open scopes at `warning` or above, nearest to their limit first. */
  nearLimit(manager: string, max: number): ScopeSelection {
    return this.largest(manager, max, (row) =>
      this.level(row) === 'normal' ? undefined : this.usedBytes(row) / this.limitBytes(row),
    );
  }

  /** Whose a record is, for a leak. */
  describe(row: number): LeakScope | null {
    if (row <= 0 || row >= SCOPES_MAX || this.word(row, SCOPE_WORD.state) === 0) return null;
    return {
      kind: this.kind(row),
      name: this.name(row),
      user: this.nameOrNull(this.word(row, SCOPE_WORD.user)),
      transaction: this.nameOrNull(this.word(row, SCOPE_WORD.transaction)),
    };
  }

  /** Of thousands only those that are wanted are described: to read a name costs more than to compare a figure. */
  private largest(manager: string, max: number, figureOf: (row: number) => number | undefined): ScopeSelection {
    const found: { row: number; figure: number }[] = [];
    const rows = Math.min(this.views.words[HEADER.scopeRows] ?? 0, SCOPES_MAX);
    // A user or transaction has a row in each thread that works for it, and is one account all the same.
    const accounts = new Set<number>();
    let usedBytes = 0;
    for (let row = 1; row < rows; row += 1) {
      if (this.word(row, SCOPE_WORD.state) !== SCOPE_OPEN) continue;
      const account = this.word(row, SCOPE_WORD.account);
      if (account > 0 && accounts.has(account)) continue;
      accounts.add(account);
      const figure = figureOf(row);
      if (figure === undefined) continue;
      found.push({ row, figure });
      if (this.isOutermost(row)) usedBytes += this.usedBytes(row);
    }
    found.sort((a, b) => b.figure - a.figure);
    return { scopes: found.slice(0, max).map(({ row }) => this.stats(manager, row)), count: found.length, usedBytes };
  }

  /** A transaction is its user's, though it has not been opened within it. */
  private isOutermost(row: number): boolean {
    return (
      this.word(row, SCOPE_WORD.parent) === 0 &&
      this.word(row, SCOPE_WORD.user) === 0 &&
      this.word(row, SCOPE_WORD.transaction) === 0
    );
  }

  private figure(row: number, sort: ScopeSort): number {
    switch (sort) {
      case 'used':
        return this.usedBytes(row);
      case 'peak':
        return this.peakBytes(row);
      case 'age':
        return this.ageSeconds(row);
    }
  }

  private stats(manager: string, row: number): ScopeStats {
    const limitBytes = this.limitBytes(row);
    const usedBytes = this.usedBytes(row);
    return {
      manager,
      kind: this.kind(row),
      name: this.name(row),
      parent: this.nameOrNull(this.word(row, SCOPE_WORD.parent)),
      user: this.nameOrNull(this.word(row, SCOPE_WORD.user)),
      transaction: this.nameOrNull(this.word(row, SCOPE_WORD.transaction)),
      limitBytes: limitBytes === Infinity ? null : limitBytes,
      usedBytes,
      usedPercent: usedPercent(usedBytes, limitBytes),
      level: this.level(row),
      peakBytes: Math.max(usedBytes, this.peakBytes(row)),
      ageSeconds: this.ageSeconds(row),
    };
  }

  private level(row: number): Level {
    const { doubles } = this.views;
    const thresholds = {
      warning: doubles[HEADER_DOUBLE.warningRatio] ?? 0,
      critical: doubles[HEADER_DOUBLE.criticalRatio] ?? 0,
    };
    const known = this.account(row)?.level ?? LEVELS[this.word(row, SCOPE_WORD.level)] ?? 'normal';
    return nextLevel(known, this.usedBytes(row), this.limitBytes(row), thresholds);
  }

  /** What threads share of a user or transaction. */
  private account(row: number): SharedAccount | undefined {
    const account = this.word(row, SCOPE_WORD.account);
    return account > 0 && account < ACCOUNTS_MAX ? new SharedAccount(this.views, account) : undefined;
  }

  private usedBytes(row: number): number {
    return this.account(row)?.usedBytes ?? this.double(row, TALLY_USED);
  }

  private peakBytes(row: number): number {
    return Math.max(this.account(row)?.peakBytes ?? 0, this.double(row, TALLY_PEAK));
  }

  private limitBytes(row: number): number {
    return this.account(row)?.limitBytes ?? this.double(row, SCOPE_LIMIT);
  }

  private ageSeconds(row: number): number {
    return Math.max(0, (this.views.words[CLOCK] ?? 0) - this.word(row, SCOPE_WORD.birth));
  }

  private kind(row: number): ScopeKind {
    return SCOPE_KINDS[this.word(row, SCOPE_WORD.kind)] ?? 'query';
  }

  private name(row: number): string {
    return readText(this.shared, SCOPES_AT + row * SCOPE_ROW_BYTES + SCOPE_NAME_OFFSET, SCOPE_NAME_BYTES);
  }

  private nameOrNull(row: number): string | null {
    return row > 0 && row < SCOPES_MAX ? this.name(row) : null;
  }

  private word(row: number, word: number): number {
    return this.views.words[((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2) + word] ?? 0;
  }

  private double(row: number, figure: number): number {
    return this.views.doubles[((SCOPES_AT + row * SCOPE_ROW_BYTES) >> 3) + figure] ?? 0;
  }
}
