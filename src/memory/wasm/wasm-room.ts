import { openLedger } from '../ledger/reader.ts';
import type { MemoryPool } from '../pool.ts';
import type { MemoryScope } from '../scope/scope.ts';
import { PAGE_BYTES } from './wasm-runtime.ts';

/** Whole pages that the limits of the pool, its manager and the scope leave free now; `Infinity` without a limit. */
export function roomPages(pool: MemoryPool, scope: MemoryScope | undefined): number {
  const manager = openLedger(pool.ledger.shared).manager();
  const rooms = [
    (manager.limitBytes ?? Infinity) - manager.usedBytes,
    pool.limitBytes - pool.usedBytes,
    ...(scope?.chain ?? []).map((account) => account.limitBytes - account.usedBytes),
  ];
  return Math.floor(Math.max(0, Math.min(...rooms)) / PAGE_BYTES);
}
