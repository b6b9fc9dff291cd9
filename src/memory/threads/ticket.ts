import { MemtoolError } from '../../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { recordRange } from '../ledger/scan.ts';
import type { TransferredMemory, TransferredPlace } from './transfers.ts';

/** Anything may be given to `receive()`. @throws MemtoolError `MEMTOOL_INVALID_OPTION` when it is no ticket of this ledger */
export function checkTicket(sent: TransferredMemory, ledger: Ledger): TransferredMemory {
  const { memtool, ledgerId, record, generation, size, place } = (sent ?? {}) as Partial<TransferredMemory>;
  const [first, end] = recordRange(ledger);
  const isOurs = (memtool === 'reservation' || memtool === 'allocation') && ledgerId === ledger.id;
  const isRecord = isCount(record) && record >= first && record < end && Number.isInteger(generation);
  if (isOurs && isRecord && isCount(size) && isPlace(place, memtool === 'allocation' ? size : 0)) return sent;
  throw notSent();
}

/** Whether bytes come with it, as many as there are: JSON would have lost them. */
function isPlace(place: Partial<TransferredPlace> | undefined, size: number): boolean {
  if (size === 0) return place === undefined;
  const { shared, loan, offset } = place ?? {};
  if (!(shared instanceof SharedArrayBuffer) || !(loan instanceof SharedArrayBuffer)) return false;
  return isCount(offset) && offset + size <= shared.byteLength;
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}

export function notSent(): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    'What was given to receive() was not sent by a thread of this manager.',
    {
      hint: 'Post what transfer() returns with postMessage(), unchanged and not as JSON, and receive it with the manager that joined the same memory.',
    },
  );
}

export function notInTransit(): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_NOT_IN_TRANSIT',
    'What was given to receive() has been received already, or a forced cleanup took it on its way.',
    { hint: 'Receive it once, in one thread, and soon.' },
  );
}
