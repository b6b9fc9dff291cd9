import type { LeakScope } from '../../report/scopes.ts';
import type { RecordGroup } from './scan.ts';

/** What a report tells of a group beside its numbers. */
export interface GroupLook {
  /** Tag and stack. */
  label: (label: number) => object;
  scope: (row: number) => LeakScope | null;
}

/**
 * One group for those that a report could not tell apart: two threads may have entered the same tag, or opened the same user,
 * each in a row of its own.
 */
export function mergeGroups(groups: readonly RecordGroup[], look: GroupLook): RecordGroup[] {
  const merged = new Map<string, RecordGroup>();
  for (const group of groups) {
    const { kind, pool, label, scope } = group;
    const whose = look.scope(scope);
    // Queries of the same name are not the same.
    const isNamed = whose?.kind === 'user' || whose?.kind === 'transaction';
    const key = JSON.stringify([kind, pool, look.label(label), isNamed ? whose : scope]);
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { ...group });
    else {
      known.count += group.count;
      known.bytes += group.bytes;
      known.oldestAgeSeconds = Math.max(known.oldestAgeSeconds, group.oldestAgeSeconds);
      known.youngestAgeSeconds = Math.min(known.youngestAgeSeconds, group.youngestAgeSeconds);
    }
  }
  return [...merged.values()];
}
