import type { Leak } from '../report/leaks.ts';
import type { LeakScope, ScopeKind } from '../report/scopes.ts';
import { formatBytes, formatSeconds } from '../units.ts';

/** Rows of a report that differ only in the scope they were held for, as one row. */
export interface LeakGroup {
  /** All of them taken together; `scope` is that of one of them. */
  leak: Leak;
  /** What was held for which scope; empty when it was held for none. */
  shares: Share[];
}

interface Share {
  scope: LeakScope;
  bytes: number;
}

/** Named of many scopes; `--json` has a row for each. */
const SHARES_NAMED_MAX = 3;

const PLURALS: Record<ScopeKind, string> = {
  query: 'queries',
  transaction: 'transactions',
  user: 'users',
  procedure: 'procedures',
};

/** A path that forgets its memory does so in query after query: their thousand rows are one leak. */
export function groupLeaks(leaks: Leak[]): LeakGroup[] {
  const groups = new Map<string, LeakGroup>();
  for (const leak of leaks) {
    const { manager, kind, source, pool, tag, stack, verdict, scope, bytes } = leak;
    const key = JSON.stringify([manager, kind, source, pool, tag, stack, verdict, scope === null]);
    const group = groups.get(key);
    const share = scope === null ? [] : [{ scope, bytes }];
    if (group) {
      group.leak = together(group.leak, leak);
      group.shares.push(...share);
    } else {
      groups.set(key, { leak, shares: share });
    }
  }
  return [...groups.values()];
}

function together(one: Leak, other: Leak): Leak {
  // A reason tells how old the oldest record is.
  const older = one.oldestAgeSeconds >= other.oldestAgeSeconds ? one : other;
  return {
    ...older,
    count: one.count + other.count,
    bytes: one.bytes + other.bytes,
    youngestAgeSeconds: Math.min(one.youngestAgeSeconds, other.youngestAgeSeconds),
  };
}

/** Why it is thought to be a leak. */
export function groupReason({ leak, shares }: LeakGroup): string {
  if (leak.kind !== 'orphaned' || shares.length < 2) return leak.reason;
  return `Still held although they have ended; the oldest is ${formatSeconds(leak.oldestAgeSeconds)} old.`;
}

/** For whom it was held, as a sentence; `undefined` when for nobody in particular. */
export function heldFor({ shares }: LeakGroup): string | undefined {
  const [first, second] = shares;
  if (!first) return undefined;
  if (!second) return `Held for ${scopeText(first.scope)}.`;
  const largest = shares.toSorted((a, b) => b.bytes - a.bytes).slice(0, SHARES_NAMED_MAX);
  const named = largest.map(({ scope, bytes }) => `${scopeText(scope)} (${formatBytes(bytes)})`).join('; ');
  return `Held for ${counted(shares.map(({ scope }) => scope))}; the largest: ${named}.`;
}

function scopeText({ kind, name, user, transaction }: LeakScope): string {
  return [
    `${kind} ${name}`,
    transaction === null ? '' : `transaction ${transaction}`,
    user === null ? '' : `user ${user}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** `412 queries of 3 users`. */
function counted(scopes: LeakScope[]): string {
  const [kind, otherKind] = new Set(scopes.map((scope) => scope.kind));
  const noun = kind === undefined || otherKind !== undefined ? 'scopes' : PLURALS[kind];
  return `${scopes.length} ${noun}${whose(scopes)}`;
}

function whose(scopes: LeakScope[]): string {
  const users = new Set(scopes.map(({ user }) => user));
  // Where some belong to nobody, a number of users would say too much of the others.
  if (users.has(null)) return '';
  return users.size === 1 ? ` of user ${[...users].join('')}` : ` of ${users.size} users`;
}
