import { SCOPES_LISTED_MAX, type ScopeSort, type ScopeStats } from '../report/scopes.ts';
import type { ProcessStats } from '../report/stats.ts';
import { formatBytes } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, hanging, NONE, secondsOrNone } from './text.ts';

/** The count that is recommended is rounded up: a few more may be open by the time it is typed. */
const COUNT_STEP = 50;

/**
 * For whom memory is held, in the report's order.
 *
 * @param sort - What they were asked for by; `undefined` when nobody asked for them.
 */
export function scopeLines(found: ProcessStats, sort: ScopeSort | undefined, style: Style): string[] {
  const { scopes, scopeCount = scopes.length, managers, unavailable } = found;
  if (scopes.length === 0) {
    return sort === undefined || managers.length === 0 || unavailable?.['pools'] !== undefined
      ? []
      : ['  No scopes: no query, transaction, user or procedure is open.'];
  }
  const isWithin = scopes.some((scope) => within(scope) !== null);
  const isUsers = scopes.some(({ user }) => user !== null);
  const isLimited = scopes.some(({ limitBytes }) => limitBytes !== null);
  const columns: (Column | false)[] = [
    { head: 'KIND' },
    { head: 'NAME', shrinkTo: 12 },
    isWithin && { head: 'WITHIN', shrinkTo: 8, drop: 5 },
    isUsers && { head: 'USER', shrinkTo: 8, drop: 2 },
    isLimited && { head: 'USAGE', drop: 1 },
    { head: 'USED', align: 'right' },
    isLimited && { head: 'LIMIT', align: 'right', drop: 4 },
    // What they are in order by is never left out.
    { head: 'PEAK', align: 'right', ...(sort !== 'peak' && { drop: 6 }) },
    { head: 'AGE', align: 'right', ...(sort !== 'age' && { drop: 3 }) },
  ];
  const rows = scopes.map((scope): (Cell | false)[] => [
    scope.kind,
    managers.length > 1 ? `${scope.manager} / ${scope.name}` : scope.name,
    isWithin && (within(scope) ?? NONE),
    isUsers && (scope.user ?? NONE),
    isLimited && { usage: { percent: scope.usedPercent, level: scope.level } },
    formatBytes(scope.usedBytes),
    isLimited && bytesOrNone(scope.limitBytes),
    formatBytes(scope.peakBytes),
    secondsOrNone(scope.ageSeconds),
  ]);
  const drawn = table(
    columns.filter((column) => column !== false),
    rows.map((row) => row.filter((cell) => cell !== false)),
    style,
  );
  return [...tableText(drawn), ...moreLines(scopeCount - scopes.length, scopeCount, style)];
}

/** What a scope is a part of, beside its user, who has a column of their own. */
function within({ parent, user, transaction }: ScopeStats): string | null {
  return parent === null || parent === user ? transaction : parent;
}

function moreLines(more: number, scopeCount: number, style: Style): string[] {
  if (more <= 0) return [];
  const count = Math.min(SCOPES_LISTED_MAX, Math.ceil(scopeCount / COUNT_STEP) * COUNT_STEP);
  const what = count < scopeCount ? `the first ${count}` : 'them';
  return hanging('  ', `and ${more} more; \`--scopes ${count}\` shows ${what}`, style.width);
}
