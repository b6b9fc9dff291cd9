import type { SharedAccount } from '../../../src/memory/threads/shared-account.ts';
import { drawnBytes, sum, type LedgerView, type RawAccount } from './accuracy-ledger-view.ts';

interface Seen {
  row: number;
  hash: bigint;
  version: number;
  limitBytes: number;
  /** Nothing above this while the limit is the same: one that was lowered drains, and what has drained stays so. */
  allowedBytes: number;
}

export interface EyeOptions {
  name: string;
  view: LedgerView;
  account: () => SharedAccount | undefined;
  /** How often its limit was changed; `undefined` while it is. */
  version: () => number | undefined;
  /** What the reports say is used. */
  reportedBytes: () => number;
}

/** Watches one account for moments at which it is over its limit. */
export class AccountEye {
  private readonly options: EyeOptions;
  private seen: Seen | undefined = undefined;

  constructor(options: EyeOptions) {
    this.options = options;
  }

  /** @returns what is wrong, if anything is */
  look(): string | undefined {
    const { name, view, account: find, version: readVersion, reportedBytes } = this.options;
    const version = readVersion();
    const account = find();
    const known = this.seen;
    this.seen = undefined;
    if (account === undefined || version === undefined) return undefined;
    const first = view.raw(account);
    const reported = reportedBytes();
    const second = view.raw(account);
    const { hash, limitBytes } = first;
    const isSame = find()?.row === account.row && second.hash === hash && second.limitBytes === limitBytes;
    if (!isSame || readVersion() !== version) return undefined;
    const drawn = [drawnBytes(first), drawnBytes(second)];
    const isKnown =
      known?.row === account.row && known.hash === hash && known.version === version && known.limitBytes === limitBytes;
    const allowedBytes = Math.max(limitBytes, Math.min(isKnown ? known.allowedBytes : Infinity, ...drawn));
    this.seen = { row: account.row, hash, version, limitBytes, allowedBytes };
    if (isKnown && Math.max(...drawn, reported) > known.allowedBytes)
      return `${name}: ${drawn.join(', ')} bytes drawn and ${reported} reported, of ${known.allowedBytes}`;
    return chargedTooMuch(first, second) ? `${name}: ${describe(first)}` : undefined;
  }
}

/** While nothing is drawn or given back, whatever is moved between threads, they have charged no more than they have drawn. */
function chargedTooMuch(first: RawAccount, second: RawAccount): boolean {
  return first.drawnWord === second.drawnWord && sum(first.chargedBy) > drawnBytes(first);
}

function describe(raw: RawAccount): string {
  return `drawn ${drawnBytes(raw)}, by thread ${raw.drawnBy.join(' ')}, charged ${raw.chargedBy.join(' ')}`;
}
