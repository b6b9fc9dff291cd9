import { MemtoolError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import {
  HEADER,
  HEADER_DOUBLE,
  MANAGER_NAME_AT,
  MANAGER_NAME_BYTES,
  POOL_DOUBLE,
  POOL_NAME_BYTES,
  POOL_NAME_OFFSET,
  POOL_ROW_BYTES,
  POOLS_AT,
} from '../ledger/layout.ts';
import { checkLedger, isLedger } from '../ledger/check-ledger.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readText } from '../ledger/text-table.ts';
import type { ManagerSettings } from '../manager-options.ts';
import type { PoolConfig } from '../pool-options.ts';
import { ThreadTable } from './thread-table.ts';

/** What `share()` gives and `MemoryManager.join` takes; it can be posted to a thread, and nothing else can be done with it. */
export interface SharedMemory {
  readonly memtool: 'shared-memory';
  readonly ledger: SharedArrayBuffer;
  readonly autoCleanup: boolean;
  readonly poison: boolean;
  readonly agent: boolean;
}

/** This thread's side of another one's ledger. */
export interface JoinedLedger {
  ledger: Ledger;
  settings: ManagerSettings;
}

/**
 * Gives the thread that calls a row of its own in another thread's ledger.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_LEDGER_VERSION`, `MEMTOOL_TOO_MANY_THREADS`
 */
export function joinLedger(memory: SharedMemory, clock: Clock): JoinedLedger {
  const { ledger: shared, autoCleanup, poison, agent } = checkMemory(memory);
  checkLedger(shared, 'Import the same memtool in both threads: one of them has another version of the package.');
  const threads = new ThreadTable(new Int32Array(shared, 0, shared.byteLength >> 2));
  const ledger = Ledger.join(shared, threads.claim(), clock);
  const settings: ManagerSettings = {
    name: readText(shared, MANAGER_NAME_AT, MANAGER_NAME_BYTES),
    limitBytes: ledger.double(HEADER_DOUBLE.managerLimitBytes),
    thresholds: {
      warning: ledger.double(HEADER_DOUBLE.warningRatio),
      critical: ledger.double(HEADER_DOUBLE.criticalRatio),
    },
    wantsAgent: agent,
    autoCleanup,
    poison,
    pools: poolsFrom(ledger, 0),
  };
  return { ledger, settings };
}

/** The pools of a ledger from an index on. */
export function poolsFrom(ledger: Ledger, first: number): PoolConfig[] {
  const count = Atomics.load(ledger.words, HEADER.poolCount);
  return Array.from({ length: Math.max(0, count - first) }, (_, offset) => {
    const index = first + offset;
    const at = POOLS_AT + index * POOL_ROW_BYTES;
    return {
      index,
      name: readText(ledger.shared, at + POOL_NAME_OFFSET, POOL_NAME_BYTES),
      limitBytes: ledger.double((at >> 3) + POOL_DOUBLE.limitBytes),
      blockBytes: ledger.double((at >> 3) + POOL_DOUBLE.blockBytes),
      staleAfterSeconds: ledger.double((at >> 3) + POOL_DOUBLE.staleAfterSeconds),
    };
  });
}

function checkMemory(memory: SharedMemory): SharedMemory {
  // Anything may come through workerData.
  const { memtool, ledger } = (memory ?? {}) as Partial<SharedMemory>;
  if (memtool === 'shared-memory' && ledger instanceof SharedArrayBuffer && isLedger(ledger)) return memory;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    'What was given to MemoryManager.join is no shared memory of a manager.',
    {
      hint: 'Give the worker `{ workerData: { memory: memory.share() } }`, and join with `workerData.memory`.',
    },
  );
}
