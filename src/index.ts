/**
 * memtool as a library: named memory pools with limits, of which every byte has an age and an owner, seen from another
 * terminal with `memtool stats`.
 */
import { announceManagers } from './agent/announce.ts';
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
export { MemoryManager, type AgeOptions } from './memory/manager.ts';
export type {
  CleanupMessage,
  DiagnosedAccount,
  DiagnosticsMessages,
  OrphanedMessage,
  PressureMessage,
  RefusalMessage,
} from './memory/diagnostics.ts';
export type { CleanupEvent, MemoryManagerEvents, PressureEvent } from './memory/manager-events.ts';
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
export { Shared, type SharedOptions } from './memory/shared-values.ts';
export type { SharedMemory } from './memory/threads/shared-memory.ts';
export type { TransferredMemory } from './memory/threads/transfers.ts';
export { watchWasm } from './memory/wasm/wasm-calls.ts';
export { instantiateWasm, type WasmInstance } from './memory/wasm/wasm-instance.ts';
export { chargeWasmMemory, makeWasmMemory, type WasmMemory } from './memory/wasm/wasm-memory.ts';
export type { WasmMemoryDescriptor, WasmMemoryObject } from './memory/wasm/wasm-runtime.ts';
export { MemtoolError, type ErrorCode } from './errors.ts';
export type { CleanupRow } from './report/cleanup.ts';
export type { Leak, LeakKind, Verdict } from './report/leaks.ts';
export type { Level } from './report/level.ts';
export type { Resource } from './report/pressure.ts';
export type { CacheStats, ManagerStats, PhaseStats, PoolStats } from './report/stats.ts';
export type { Totals } from './report/totals.ts';

// memory/ does not know the agent: the two are joined here. It is started on the main thread; managers of other threads are
// announced to it.
announceManagers();
function startFor(manager: RegisteredManager): void {
  if (manager.wantsAgent) startAgent();
}
watchManagers((event, manager) => {
  if (event === 'add') startFor(manager);
});
for (const manager of registeredManagers()) startFor(manager);
