import type { Leak, Verdict } from '../report/leaks.ts';
import type { LeakScope } from '../report/scopes.ts';
import { formatSeconds } from '../units.ts';
import type { RecordGroup } from './ledger/scan.ts';

export interface GroupNames {
  manager: string;
  pool: string | null;
  tag: string | null;
  stack: string[];
  scope: LeakScope | null;
  ageSeconds: number;
  watchedOneIn: number;
}

/** A group of records as a row of the report, with the verdict that its kind allows and a sentence that says why. */
export function describeGroup(group: RecordGroup, names: GroupNames): Leak {
  const { manager, pool, tag, stack, scope } = names;
  const kind = group.kind === 'live' ? 'stale' : group.kind;
  const { verdict, reason } = judge(kind, group, names);
  return {
    manager,
    kind,
    source: 'pool',
    pool,
    tag,
    stack,
    scope,
    count: group.count,
    bytes: group.bytes,
    oldestAgeSeconds: group.oldestAgeSeconds,
    youngestAgeSeconds: group.youngestAgeSeconds,
    generations: null,
    bytesPerMinute: null,
    verdict,
    reason,
  };
}

function judge(kind: Leak['kind'], group: RecordGroup, names: GroupNames): { verdict: Verdict; reason: string } {
  const { ageSeconds, scope, watchedOneIn } = names;
  const oldest = formatSeconds(group.oldestAgeSeconds);
  switch (kind) {
    case 'lost': {
      const sampled =
        watchedOneIn > 1
          ? ` In its busiest second only one reservation in ${watchedOneIn} was watched, so there may be more.`
          : '';
      return {
        verdict: 'leak',
        reason: `Never freed, and nothing in the program refers to it any more; the oldest is ${oldest} old.${sampled}`,
      };
    }
    case 'orphaned': {
      const what = scope === null ? 'what it was held for' : `the ${scope.kind} ${scope.name}`;
      return { verdict: 'leak', reason: `Still held although ${what} has ended; the oldest is ${oldest} old.` };
    }
    case 'stale':
    case 'growing':
      return {
        verdict: 'suspect',
        reason: `Held for up to ${oldest}${ageSeconds > 0 ? `, over the ${formatSeconds(ageSeconds)} asked for,` : ''} and still referred to; nothing says that it is needed.`,
      };
  }
}
