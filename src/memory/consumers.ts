import type { Account } from './account.ts';
import { LABEL_TAG_MASK, SCOPE_ROW_BYTES, SCOPE_WORD, SCOPES_AT } from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';
import { groupRecords } from './ledger/scan.ts';
import { byTag, type Consumer } from './limit-error.ts';
import { MemoryPool } from './pool.ts';
import { MemoryScope } from './scope/scope.ts';

/** For a refusal's "held by": 1 ms at the most. */
const RECORDS_MAX = 100_000;

/** Who holds the memory of an account, in all threads: by tag, largest first. */
export function consumersOf(ledger: Ledger, account: Account): Consumer[] {
  const options = { ageSeconds: Infinity, all: true, recordsMax: RECORDS_MAX };
  const groups =
    account instanceof MemoryScope
      ? // A scope's memory is in any pool, and in the scopes that hang on it.
        groupRecords(ledger, options).filter(({ scope }) => isChargedTo(ledger, scope, account))
      : groupRecords(ledger, account instanceof MemoryPool ? { ...options, pool: account.index } : options);
  return byTag(groups, (label) => ledger.tagText(label & LABEL_TAG_MASK));
}

/** Whether what is taken in the scope of a row, of any thread, is charged to the account. */
function isChargedTo(ledger: Ledger, row: number, account: MemoryScope): boolean {
  if (row === 0) return false;
  const here = ledger.scopes?.atRow(row);
  if (here !== undefined) return here.chain.includes(account);
  const shared = account.share?.account.row;
  const word = (of: number, index: number): number => ledger.word(((SCOPES_AT + of * SCOPE_ROW_BYTES) >> 2) + index);
  const above = [row, word(row, SCOPE_WORD.user), word(row, SCOPE_WORD.transaction)];
  return shared !== undefined && above.some((one) => one > 0 && word(one, SCOPE_WORD.account) === shared);
}
