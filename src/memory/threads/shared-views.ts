import type { LedgerViews } from '../ledger/scan.ts';
import { ThreadTable } from './thread-table.ts';

/** What the accounts of one thread have in common. */
export interface SharedViews {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bigints: BigUint64Array;
  readonly threads: ThreadTable;
  readonly thread: number;
}

/** No thread's: for reading only. */
const NO_THREAD = -1;

export function sharedViews(
  shared: SharedArrayBuffer,
  { words, doubles }: LedgerViews,
  thread: number = NO_THREAD,
): SharedViews {
  const bigints = new BigUint64Array(shared, 0, shared.byteLength >> 3);
  return { words, doubles, bigints, threads: new ThreadTable(words), thread };
}
