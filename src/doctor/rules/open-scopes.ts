import type { Finding } from '../../report/doctor.ts';
import type { ScopeStats } from '../../report/scopes.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding } from '../finding.ts';
import { SCOPE_AGE_SECONDS, SCOPES_MIN } from '../thresholds.ts';

/** Queries, transactions and procedures that do not end: what is held for them is neither lost nor orphaned. */
export function openScopes({ stats }: Examined): Finding[] {
  const old = stats.scopes.filter(({ kind, ageSeconds }) => kind !== 'user' && ageSeconds >= SCOPE_AGE_SECONDS);
  const [oldest] = old.toSorted((a, b) => b.ageSeconds - a.ageSeconds);
  if (old.length < SCOPES_MIN || oldest === undefined) return [];
  const names = new Set(old.map(keyOf));
  // What is in another of them is counted there.
  const bytes = old
    .filter(({ manager, parent }) => parent === null || !names.has(`${manager}/${parent}`))
    .reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  const atLeast = stats.scopes.length < (stats.scopeCount ?? 0) ? 'At least ' : '';
  return [
    finding({
      kind: 'open-scopes',
      severity: 'note',
      certainty: 'possible',
      title: `${atLeast}${old.length} scopes have been open for more than ${formatSeconds(SCOPE_AGE_SECONDS)}, and hold ${formatBytes(bytes)}; the oldest is ${textOf(oldest)}, for ${formatSeconds(oldest.ageSeconds)}.`,
      evidence: { count: old.length, bytes, oldestAgeSeconds: oldest.ageSeconds },
      cause: 'A query whose end() is never called, or whose promise never settles, looks like this. So do long jobs.',
      next: [{ command: `memtool stats ${stats.pid} --scopes 50 --sort age`, why: 'lists them, the oldest first' }],
      savesBytes: bytes,
    }),
  ];
}

function keyOf({ manager, name }: ScopeStats): string {
  return `${manager}/${name}`;
}

function textOf({ kind, name, user }: ScopeStats): string {
  return user === null ? `the ${kind} ${name}` : `the ${kind} ${name} of user ${user}`;
}
