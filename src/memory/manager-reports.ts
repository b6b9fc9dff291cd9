import type { Leak, ReleasedLost } from '../report/leaks.ts';
import { worstLevel, type Level } from '../report/level.ts';
import type { Resource } from '../report/pressure.ts';
import { totalsOf, type Totals } from '../report/totals.ts';
import type { LedgerReader } from './ledger/reader.ts';

export interface ManagerPressure {
  /** The worst of `resources`. */
  level: Level;
  resources: Resource[];
}

export interface ManagerLeaks {
  ageSeconds: number;
  leaks: Leak[];
  /** Lost and released already, by pool. */
  released: ReleasedLost[];
  totals: Totals;
}

/** As many scopes near their limits are told. */
const SCOPES_MAX = 100;

/** How close each limit is: the manager's, if it has one, every pool's, and those of scopes that are near theirs. */
export function pressureReport(reader: LedgerReader): ManagerPressure {
  const manager = reader.manager();
  const accounts = [
    ...(manager.limitBytes === null ? [] : [{ ...manager, kind: 'manager' as const }]),
    ...reader.pools().map((pool) => ({ ...pool, kind: 'pool' as const })),
    ...reader
      .scopesNearLimit(SCOPES_MAX)
      .scopes.map((scope) => ({ ...scope, name: `${scope.kind} ${scope.name}`, kind: 'scope' as const })),
  ];
  const resources = accounts.map(({ kind, name, usedBytes, limitBytes, usedPercent, level }): Resource => ({
    kind,
    manager: reader.managerName,
    name,
    usedBytes,
    limitBytes,
    usedPercent,
    level,
    bytesPerMinute: null,
    secondsToLimit: null,
  }));
  return { level: worstLevel(resources), resources };
}

export function leaksReport(reader: LedgerReader, ageSeconds: number): ManagerLeaks {
  const leaks = reader.leaks(ageSeconds);
  return { ageSeconds, leaks, released: reader.released(), totals: totalsOf(leaks) };
}
