/**
 * The process-wide list of running managers: how an agent finds them, whichever came first and however many copies of the
 * package are loaded. `memory/` does not know the agent; the agent reads each manager's ledger and asks it to clean up.
 */
import type { CleanupRow } from '../report/cleanup.ts';
import type { CacheStats, PhaseStats } from '../report/stats.ts';

/** Shared by all copies of memtool in the process that speak this version. */
const REGISTRY_KEY: unique symbol = Symbol.for('memtool.registry');
const REGISTRY_VERSION = 2;

export interface CleanupOptions {
  /** What is older than this, in seconds, counts as stale. Default 300. */
  ageSeconds?: number;
  /** Only this pool. */
  pool?: string;
  /** Say what would be done, and do nothing. */
  dryRun?: boolean;
  /** Take what is stale too: its handles are revoked. */
  force?: boolean;
}

export interface ManagerCleanup {
  reclaimed: CleanupRow[];
  left: CleanupRow[];
}

/** What an application says of a pool that someone else manages. */
export interface ObservedUsage {
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  /** Why it could not be asked; the figures are then zero. */
  error?: string;
}

export interface RegisteredManager {
  readonly name: string;
  /** The same for the managers of all threads that share one ledger, and no other's. */
  readonly ledgerId: number;
  /** Whether it asks for an agent; one that runs anyway sees it all the same. */
  readonly wantsAgent: boolean;
  /** The ledger's memory; `openLedger` of any thread reads it. */
  readonly ledgerMemory: SharedArrayBuffer;
  cleanup(options: CleanupOptions): Promise<ManagerCleanup>;
  /** Asks what `observe()` registered, each for a bounded time. */
  observed(): Promise<ObservedUsage[]>;
  /** What the program names with `phase()`. Another copy of the package may not know of it. */
  phases?(): PhaseStats[];
  /** The caches in its pools, likewise. */
  caches?(): CacheStats[];
}

export type RegistryEvent = 'add' | 'remove';
export type RegistryListener = (event: RegistryEvent, manager: RegisteredManager) => void;

interface Registry {
  version: number;
  managers: Set<RegisteredManager>;
  listeners: Set<RegistryListener>;
}

function registry(): Registry | undefined {
  // A global of ours, under a symbol that nobody else uses.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const holder = globalThis as { [REGISTRY_KEY]?: Registry };
  const found = (holder[REGISTRY_KEY] ??= { version: REGISTRY_VERSION, managers: new Set(), listeners: new Set() });
  return found.version === REGISTRY_VERSION ? found : undefined;
}

export function registerManager(manager: RegisteredManager): void {
  const shared = registry();
  if (!shared) return;
  shared.managers.add(manager);
  for (const listener of shared.listeners) listener('add', manager);
}

export function unregisterManager(manager: RegisteredManager): void {
  const shared = registry();
  if (!shared?.managers.delete(manager)) return;
  for (const listener of shared.listeners) listener('remove', manager);
}

export function registeredManagers(): RegisteredManager[] {
  return [...(registry()?.managers ?? [])];
}

/** Calls the listener for managers to come; the caller reads `registeredManagers()` for those that are there. */
export function watchManagers(listener: RegistryListener): () => void {
  const shared = registry();
  shared?.listeners.add(listener);
  return () => void shared?.listeners.delete(listener);
}
