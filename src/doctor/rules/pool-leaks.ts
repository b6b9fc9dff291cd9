import type { Finding, NextStep } from '../../report/doctor.ts';
import type { Leak, LeakKind } from '../../report/leaks.ts';
import { groupLeaks, heldFor, type LeakGroup } from '../../render/leak-groups.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { counted, finding, poolText, quoted, sentences } from '../finding.ts';
import { ROWS_TOLD_MAX, STALE_BYTES_MIN } from '../thresholds.ts';

/** What nobody can free any more: certain, since the ledger counts it. */
export function lost(examined: Examined): Finding[] {
  const told = tell(examined, 'lost', ({ leak }) => ({
    severity: 'warning',
    certainty: 'certain',
    what: `${recordsOf(leak)} ${wereOrWas(leak.count)} never freed, and nothing in the program refers to ${leak.count === 1 ? 'it' : 'them'} any more`,
    next: [giveBack(examined, leak), lookInCode(leak)],
  }));
  return told.length > 0 ? told : releasedLost(examined);
}

/** What was held for a query, a transaction or a user that has ended. */
export function orphaned(examined: Examined): Finding[] {
  return tell(examined, 'orphaned', ({ leak }) => ({
    severity: 'warning',
    certainty: 'certain',
    what: `${recordsOf(leak)} ${wereOrWas(leak.count)} held for what has ended`,
    next: [giveBack(examined, leak), lookInCode(leak)],
  }));
}

/** What is old, and still referred to: it may be needed. Where its pool is nearly full, somebody has to look. */
export function stale(examined: Examined): Finding[] {
  const { stats, pressure, ageSeconds } = examined;
  const isPressed = ({ manager, pool }: Leak): boolean =>
    pressure.resources.some(
      (one) => one.kind === 'pool' && one.manager === manager && one.name === pool && one.level !== 'normal',
    );
  return tell(
    examined,
    'stale',
    ({ leak }) => ({
      severity: isPressed(leak) ? 'warning' : 'note',
      certainty: 'possible',
      what: `${recordsOf(leak)} ${leak.count === 1 ? 'is' : 'are'} older than ${formatSeconds(ageSeconds)}`,
      next: [
        { command: `memtool leaks ${stats.pid}`, why: 'says by tag and age what it is' },
        {
          command: `memtool cleanup ${stats.pid}${poolFlag(leak)}`,
          why: 'asks the application to give back what it can do without',
        },
      ],
    }),
    STALE_BYTES_MIN,
  );
}

interface Telling {
  severity: Finding['severity'];
  certainty: Finding['certainty'];
  what: string;
  next: NextStep[];
}

function tell(
  examined: Examined,
  kind: Extract<LeakKind, 'lost' | 'orphaned' | 'stale'>,
  describe: (group: LeakGroup) => Telling,
  bytesMin: number = 0,
): Finding[] {
  const rows = examined.leaks?.leaks.filter((leak) => leak.source === 'pool' && leak.kind === kind) ?? [];
  const groups = groupLeaks(rows)
    .filter(({ leak }) => leak.bytes >= bytesMin)
    .toSorted((a, b) => b.leak.bytes - a.leak.bytes);
  const rest = groups.slice(ROWS_TOLD_MAX);
  return groups.slice(0, ROWS_TOLD_MAX).map((group, index) => {
    const { leak } = group;
    const { severity, certainty, what, next } = describe(group);
    return finding({
      kind,
      severity,
      certainty,
      title: `${formatBytes(leak.bytes)} in the pool ${poolText(examined, leak.manager, leak.pool)} ${kind === 'stale' ? 'may be forgotten' : kind === 'lost' ? 'are lost' : 'are orphaned'}: ${what}.`,
      evidence: {
        pool: leak.pool ?? '',
        ...(leak.tag === null ? {} : { tag: leak.tag }),
        count: leak.count,
        bytes: leak.bytes,
        oldestAgeSeconds: leak.oldestAgeSeconds,
      },
      cause: sentences(
        // Which of hundreds are the largest, `leaks` says.
        heldFor(group)?.replace(/; the largest:.*$/s, '.'),
        `The oldest is ${formatSeconds(leak.oldestAgeSeconds)} old.`,
        kind === 'lost' && watchedText(examined, leak),
        index === 0 && rest.length > 0 && moreText(rest),
      ),
      next,
      savesBytes: leak.bytes,
    });
  });
}

function watchedText({ stats }: Examined, { manager }: Leak): string | false {
  const oneIn = stats.managers.find(({ name }) => name === manager)?.watchedOneIn ?? 1;
  return oneIn > 1 && `In its busiest second only one reservation in ${oneIn} was watched, so there may be more.`;
}

function moreText(rest: LeakGroup[]): string {
  const bytes = rest.reduce((sum, { leak }) => sum + leak.bytes, 0);
  return `There ${rest.length === 1 ? 'is one more place' : `are ${rest.length} more places`} (${formatBytes(bytes)}) beside those told here.`;
}

/** Cleanup has taken it, and it will come again. */
function releasedLost(examined: Examined): Finding[] {
  return (examined.leaks?.released ?? [])
    .filter(({ count }) => count > 0)
    .map(({ manager, pool, count, bytes }) =>
      finding({
        kind: 'lost',
        severity: 'warning',
        certainty: 'certain',
        title: `${formatBytes(bytes)} were lost in the pool ${poolText(examined, manager, pool)} since the start, in ${counted(count, 'record')}, and have been given back.`,
        evidence: { pool, count, bytes },
        cause: 'The program forgets to free them; that memory could be taken back does not mend that.',
        next: [
          {
            command: `memtool leaks ${examined.stats.pid} --watch`,
            why: 'shows what is lost next, with its tag, until a cleanup takes it',
          },
        ],
      }),
    );
}

function giveBack({ stats: { pid } }: Examined, leak: Leak): NextStep {
  return { command: `memtool cleanup ${pid}${poolFlag(leak)}`, why: `gives the ${formatBytes(leak.bytes)} back` };
}

function poolFlag({ pool }: Leak): string {
  return pool === null ? '' : ` --pool ${quoted(pool)}`;
}

function lookInCode({ tag }: Leak): NextStep {
  return {
    command: null,
    why:
      tag === null
        ? 'In the program, give what is allocated there a tag: then its place has a name here.'
        : `In the program, look for where ${tag} is allocated: \`using\`, or free() in a finally, mends it.`,
  };
}

function recordsOf({ count, tag }: Leak): string {
  return `${counted(count, 'record')}${tag === null ? '' : ` with the tag ${tag}`}`;
}

function wereOrWas(count: number): string {
  return count === 1 ? 'was' : 'were';
}
