/**
 * memtool as a library: named memory pools with limits, of which every byte has an age and an owner, seen from another
 * terminal with `memtool stats`.
 */
import { startAgent } from './agent/start.ts';
import { registeredManagers, watchManagers, type RegisteredManager } from './memory/registry.ts';

export type { Account } from './memory/account.ts';
export type { Allocator } from './memory/allocator.ts';
export { globalAllocator, type GlobalAllocator } from './memory/global-allocator.ts';
export { PoolAllocator } from './memory/pool-allocator.ts';
export { SharedAllocator, SystemAllocator } from './memory/system-allocator.ts';
export { TrackedAllocator } from './memory/tracked-allocator.ts';
export { MemoryAllocation } from './memory/allocation.ts';
export { MemoryLimitError, type Consumer } from './memory/limit-error.ts';
export {
  MemoryManager,
  type AgeOptions,
  type CleanupEvent,
  type MemoryManagerEvents,
  type PressureEvent,
} from './memory/manager.ts';
export type { MemoryManagerOptions, PoolOptions } from './memory/manager-options.ts';
export type { Observer, ObservedFigures } from './memory/observers.ts';
export type { EndedScope, OrphanedMemory } from './memory/scope/ended-scope.ts';
export type { Batch } from './memory/scope/batch.ts';
export type { OrphanedEvent } from './memory/scope/orphans.ts';
export { MemoryScope } from './memory/scope/scope.ts';
export type { QueryOptions, ScopeOptions, TransactionOptions } from './memory/scope/scopes.ts';
export { MemoryPool } from './memory/pool.ts';
export type { AllocateOptions, ReserveOptions } from './memory/pool-options.ts';
export type { Reclaimer } from './memory/reclaimers.ts';
export type { CleanupOptions, ManagerCleanup, ObservedUsage } from './memory/registry.ts';
export { MemoryReservation } from './memory/reservation.ts';
export { MemtoolError, type ErrorCode } from './errors.ts';
export type {
  CleanupRow,
  Leak,
  LeakKind,
  Level,
  ManagerStats,
  PoolStats,
  Resource,
  Totals,
  Verdict,
} from './report.ts';

// memory/ does not know the agent: the two are joined here.
function startFor(manager: RegisteredManager): void {
  if (manager.wantsAgent) startAgent();
}
watchManagers((event, manager) => {
  if (event === 'add') startFor(manager);
});
for (const manager of registeredManagers()) startFor(manager);
