import { MemtoolError } from '../../errors.ts';
import { HEADER, LEDGER_MAGIC, LEDGER_VERSION } from './layout.ts';

/** @throws MemtoolError `MEMTOOL_LEDGER_VERSION` when the memory is no ledger of the version that this code knows */
export function checkLedger(shared: SharedArrayBuffer): void {
  const words = new Int32Array(shared, 0, 64);
  const version = Atomics.load(words, HEADER.version);
  if (words[HEADER.magic] === LEDGER_MAGIC && version === LEDGER_VERSION) return;
  throw new MemtoolError(
    'MEMTOOL_LEDGER_VERSION',
    `The ledger is of version ${version}; this memtool reads version ${LEDGER_VERSION}.`,
    {
      hint: 'Use the memtool command of the version that the application has installed: npx memtool in its directory.',
    },
  );
}
