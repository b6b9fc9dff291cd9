import { MemtoolError } from '../../errors.ts';
import { HEADER, LEDGER_MAGIC, LEDGER_VERSION } from './layout.ts';

/** So much of the header is the same in every version. */
const HEADER_WORDS = 64;

/** Whether it is a ledger, of whichever version. */
export function isLedger(shared: SharedArrayBuffer): boolean {
  return (
    shared.byteLength >= HEADER_WORDS * 4 && new Int32Array(shared, 0, HEADER_WORDS)[HEADER.magic] === LEDGER_MAGIC
  );
}

/**
 * @param hint what to do about another version
 * @throws MemtoolError `MEMTOOL_LEDGER_VERSION` when the memory is no ledger of the version that this code knows
 */
export function checkLedger(
  shared: SharedArrayBuffer,
  hint = 'Use the memtool command of the version that the application has installed: npx memtool in its directory.',
): void {
  const version = isLedger(shared) ? Atomics.load(new Int32Array(shared, 0, HEADER_WORDS), HEADER.version) : 0;
  if (version === LEDGER_VERSION) return;
  throw new MemtoolError(
    'MEMTOOL_LEDGER_VERSION',
    `The ledger is of version ${version}; this memtool reads version ${LEDGER_VERSION}.`,
    { hint },
  );
}
