import type { Level } from '../report/level.ts';
import type { ScopeKind } from '../report/scopes.ts';

/** Anything that has a limit and a used count: the manager, a pool, a scope. */
export interface Account {
  readonly kind: 'manager' | 'pool' | ScopeKind;
  readonly name: string;
  /** `Infinity` without a limit. */
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly level: Level;
}
