import { openLedger, type LedgerReader } from '../memory/ledger/reader.ts';
import type { ScopeSelection } from '../memory/ledger/scope-reader.ts';
import type { ScopeQuery } from '../protocol.ts';
import { SCOPE_SORTS, type ManagerStats, type PoolStats, type ScopeStats, type Unavailable } from '../report.ts';
import type { ManagerAdded } from './messages.ts';

type Ledger = { kind: 'open'; reader: LedgerReader } | { kind: 'refused'; reason: string };

interface Entry {
  id: number;
  name: string;
  ledger: Ledger;
}

/** The managers of the process as the agent sees them: their ledgers, read from this thread. */
export class Managers {
  readonly #entries = new Map<number, Entry>();
  readonly #open: (shared: SharedArrayBuffer) => LedgerReader;

  constructor(open: (shared: SharedArrayBuffer) => LedgerReader = openLedger) {
    this.#open = open;
  }

  add({ id, name, shared }: ManagerAdded): void {
    this.#entries.set(id, { id, name, ledger: this.#openLedger(shared) });
  }

  remove(id: number): void {
    this.#entries.delete(id);
  }

  get names(): string[] {
    return [...this.#entries.values()].map(({ name }) => name);
  }

  beat(): void {
    for (const reader of this.#readers()) reader.beat();
  }

  touchedBytes(): number {
    return this.#readers().reduce((sum, reader) => sum + reader.touchedBytes(), 0);
  }

  /** The managers that have this pool; all of them when no pool is named. */
  idsWith(pool: string | undefined): number[] {
    return [...this.#entries.values()]
      .filter(
        ({ ledger }) =>
          pool === undefined || (ledger.kind === 'open' && ledger.reader.usage().some(({ name }) => name === pool)),
      )
      .map(({ id }) => id);
  }

  /** Whether any has observers: else the application's thread need not be asked. */
  get haveObservers(): boolean {
    return this.#readers().some((reader) => reader.hasObservers());
  }

  get poolNames(): string[] {
    return this.#readers().flatMap((reader) => reader.usage().map(({ name }) => name));
  }

  stats(unavailable: Unavailable = {}): { managers: ManagerStats[]; pools: PoolStats[] } {
    const read = this.read((reader) => ({ manager: reader.manager(), pools: reader.pools() }), unavailable);
    return { managers: read.map(({ manager }) => manager), pools: read.flatMap(({ pools }) => pools) };
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
  read<Result>(readOne: (reader: LedgerReader) => Result, unavailable: Unavailable): Result[] {
    const results: Result[] = [];
    for (const { name, ledger } of this.#entries.values()) {
      if (ledger.kind === 'refused') {
        unavailable[`manager ${name}`] = ledger.reason;
        continue;
      }
      try {
        results.push(readOne(ledger.reader));
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
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
