/** What all threads of an accuracy run agree on: accounts, their limits, and the messages between them. */
import type { MemoryManagerOptions } from '../../../src/memory/manager-options.ts';
import type { SharedMemory } from '../../../src/memory/threads/shared-memory.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';

export const KIB = 1024;

/** So small that every one of them is often full. `open` has no limit but the manager's. */
export const MANAGER_OPTIONS: MemoryManagerOptions = {
  name: 'accuracy',
  agent: false,
  limit: '8MiB',
  pools: {
    query: { limit: '3MiB', blockSize: '8KiB' },
    cache: { limit: '5MiB', blockSize: '4KiB' },
    temp: { limit: '512KiB', blockSize: '1KiB' },
    open: { blockSize: '4KiB' },
  },
};
export const POOLS = ['query', 'cache', 'temp', 'open'] as const;
export type PoolName = (typeof POOLS)[number];

export interface User {
  name: string;
  limitBytes: number | undefined;
}
export const USERS: readonly User[] = [
  { name: 'ana', limitBytes: 1024 * KIB },
  { name: 'ben', limitBytes: 300 * KIB },
  { name: 'eva', limitBytes: undefined },
];

/** Limits that `setLimit` may give, by account: as it was, tighter, wider, and some with none at all. */
export const LIMITS: Record<'manager' | PoolName, readonly (number | undefined)[]> = {
  manager: [8192 * KIB, 8192 * KIB, 6144 * KIB, 10_240 * KIB, undefined],
  query: [3072 * KIB, 3072 * KIB, 2048 * KIB, 4096 * KIB, undefined],
  cache: [5120 * KIB, 5120 * KIB, 3072 * KIB],
  temp: [512 * KIB, 512 * KIB, 256 * KIB, 700 * KIB],
  open: [undefined, undefined, 4096 * KIB],
};

export const MANAGER_ACCOUNT = 0;

export function poolAccount(pool: PoolName): number {
  return 1 + POOLS.indexOf(pool);
}

export function userAccount(user: User): number {
  return 1 + POOLS.length + USERS.indexOf(user);
}

/**
 * How a thread ends before its work is done: `terminated` from outside, wherever it is; `exit`: `process.exit()`; `error`:
 * one that nobody catches; `step`: between two accesses to what threads share.
 */
export const FATES = ['terminated', 'exit', 'error', 'step'] as const;

export interface Fate {
  kind: (typeof FATES)[number];
  /** Counted from its start. */
  atOperation: number;
}

/** What is thrown by a thread whose fate is `error`. */
export const DIED_AS_ORDERED = 'died as ordered';

export interface WorkerOrders {
  memory: SharedMemory;
  control: SharedArrayBuffer;
  /** Its place in the control. */
  slot: number;
  seed: number;
  operations: number;
  fate: Fate | undefined;
  /** Of those that had its slot before. */
  operationsBefore: number;
}

export interface ObserverOrders {
  memory: SharedMemory;
  control: SharedArrayBuffer;
}

/** What the observer tells when it is stopped. */
export interface Observed {
  findings: string[];
  looks: number;
}

/** What a thread holds, by its own books and not the ledger's. */
export interface Holdings {
  poolBytes: Record<string, number>;
  userBytes: Record<string, number>;
}

export type Request = 'inherit' | 'clean up' | 'clear' | 'drop' | 'end turn';
export type ToWorker =
  | { kind: 'ask'; id: number; request: Request }
  | { kind: 'ticket'; id: number; ticket: TransferredMemory };
export type FromWorker =
  | { kind: 'idle' }
  | { kind: 'answer'; id: number; holdings: Holdings }
  | { kind: 'sent'; ticket: TransferredMemory }
  | { kind: 'received'; id: number };
