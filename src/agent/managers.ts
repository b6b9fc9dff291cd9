import { openLedger, type LedgerReader } from '../memory/ledger/reader.ts';
import type { ScopeSelection } from '../memory/ledger/scope-reader.ts';
import type { ScopeQuery } from '../protocol.ts';
import type { Unavailable } from '../report/document.ts';
import { SCOPE_SORTS, type ScopeStats } from '../report/scopes.ts';
import type { ManagerStats, PoolStats } from '../report/stats.ts';
import { MAIN_THREAD, type ManagerAdded } from './messages.ts';

type Ledger = { kind: 'open'; reader: LedgerReader } | { kind: 'refused'; reason: string };

interface Entry {
  name: string;
  ledger: Ledger;
  /** By threads that share the ledger, the ids of their managers: it is there while any of them is. */
  holders: Map<number, Set<number>>;
}

/** A manager as one thread has it. */
export interface HeldManager {
  id: number;
  name: string;
}

export interface LedgerStats {
  ledgerId: number;
  manager: ManagerStats;
  pools: PoolStats[];
}

/** The managers of the process as the agent sees them: their ledgers, read from this thread, each once. */
export class Managers {
  readonly #entries = new Map<number, Entry>();
  readonly #open: (shared: SharedArrayBuffer) => LedgerReader;
  /** Set while there are more than are kept here. */
  omitted: string | undefined;

  constructor(open: (shared: SharedArrayBuffer) => LedgerReader = openLedger) {
    this.#open = open;
  }

  /** Adding what is there already changes nothing. */
  add(threadId: number, { id, name, ledgerId, shared }: ManagerAdded): void {
    let entry = this.#entries.get(ledgerId);
    if (!entry) {
      entry = { name, ledger: this.#openLedger(shared), holders: new Map() };
      this.#entries.set(ledgerId, entry);
    }
    const ids = entry.holders.get(threadId) ?? new Set();
    entry.holders.set(threadId, ids.add(id));
  }

  remove(threadId: number, id: number): void {
    for (const [ledgerId, { holders }] of this.#entries) {
      const ids = holders.get(threadId);
      if (ids?.delete(id) && ids.size === 0) this.#release(ledgerId, threadId);
    }
  }

  /** The thread has ended, and its managers with it. */
  removeThread(threadId: number): void {
    for (const ledgerId of this.#entries.keys()) this.#release(ledgerId, threadId);
  }

  /** Those of the main thread first: they name the process. */
  get names(): string[] {
    return this.#sorted().map(([, { name }]) => name);
  }

  beat(): void {
    for (const reader of this.#readers()) reader.beat();
  }

  touchedBytes(): number {
    return this.#readers().reduce((sum, reader) => sum + reader.touchedBytes(), 0);
  }

  /** By threads, the managers that have this pool; all of them when no pool is named. */
  heldWith(pool: string | undefined): Map<number, HeldManager[]> {
    return this.#held(
      ({ ledger }) =>
        pool === undefined || (ledger.kind === 'open' && ledger.reader.usage().some(({ name }) => name === pool)),
    );
  }

  /** The threads of managers that have observers; only they need to be asked. Of a shared one, any may have them. */
  observingThreads(): number[] {
    return [...this.#held(({ ledger }) => ledger.kind === 'open' && ledger.reader.hasObservers()).keys()];
  }

  get poolNames(): string[] {
    return this.#readers().flatMap((reader) => reader.usage().map(({ name }) => name));
  }

  stats(unavailable: Unavailable = {}): LedgerStats[] {
    return this.read(
      (reader, ledgerId) => ({ ledgerId, manager: reader.manager(), pools: reader.pools() }),
      unavailable,
    );
  }

  /** The first of all open scopes, largest first. */
  scopes({ count, sort }: ScopeQuery, unavailable: Unavailable): ScopeSelection {
    const selections = this.read((reader) => reader.scopes(count, sort), unavailable);
    return merged(selections, count, (scope) => scope[SCOPE_SORTS[sort]]);
  }

  /** At `warning` or above, nearest to their limit first. */
  scopesNearLimit(max: number, unavailable: Unavailable): ScopeSelection {
    const selections = this.read((reader) => reader.scopesNearLimit(max), unavailable);
    return merged(selections, max, ({ usedPercent }) => usedPercent ?? 0);
  }

  /** Reads every ledger; one that cannot be read takes nothing from the others, and its reason is noted. */
  read<Result>(readOne: (reader: LedgerReader, ledgerId: number) => Result, unavailable: Unavailable): Result[] {
    const results: Result[] = [];
    if (this.omitted !== undefined) unavailable['managers'] = this.omitted;
    for (const [ledgerId, { name, ledger }] of this.#sorted()) {
      if (ledger.kind === 'refused') {
        unavailable[`manager ${name}`] = ledger.reason;
        continue;
      }
      try {
        results.push(readOne(ledger.reader, ledgerId));
      } catch (error) {
        unavailable[`manager ${name}`] = `its ledger could not be read: ${messageOf(error)}`;
      }
    }
    return results;
  }

  #openLedger(shared: SharedArrayBuffer): Ledger {
    try {
      return { kind: 'open', reader: this.#open(shared) };
    } catch (error) {
      return { kind: 'refused', reason: messageOf(error) };
    }
  }

  #release(ledgerId: number, threadId: number): void {
    const holders = this.#entries.get(ledgerId)?.holders;
    if (holders?.delete(threadId) && holders.size === 0) this.#entries.delete(ledgerId);
  }

  #held(isWanted: (entry: Entry) => boolean): Map<number, HeldManager[]> {
    const held = new Map<number, HeldManager[]>();
    for (const [, entry] of this.#sorted()) {
      if (!isWanted(entry)) continue;
      for (const [threadId, ids] of entry.holders) {
        const found = held.get(threadId) ?? [];
        held.set(threadId, found);
        for (const id of ids) found.push({ id, name: entry.name });
      }
    }
    return held;
  }

  /** In the order of their coming, but those of the main thread first. */
  #sorted(): [ledgerId: number, entry: Entry][] {
    return [...this.#entries].toSorted(
      ([, a], [, b]) => Number(b.holders.has(MAIN_THREAD)) - Number(a.holders.has(MAIN_THREAD)),
    );
  }

  #readers(): LedgerReader[] {
    return [...this.#entries.values()].flatMap(({ ledger }) => (ledger.kind === 'open' ? [ledger.reader] : []));
  }
}

function merged(selections: ScopeSelection[], max: number, figureOf: (scope: ScopeStats) => number): ScopeSelection {
  return {
    scopes: selections
      .flatMap(({ scopes }) => scopes)
      .toSorted((a, b) => figureOf(b) - figureOf(a))
      .slice(0, max),
    count: selections.reduce((sum, { count }) => sum + count, 0),
    usedBytes: selections.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
