import { isFailure, type LeaksReport, type ProcessLeaks, type Verdict } from '../report.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import { groupLeaks, groupReason, heldFor, type LeakGroup } from './leak-groups.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import type { Paint, Style, Theme } from './style.ts';
import { table, type Cell, type Column } from './table.ts';
import { count, hanging, NONE, printable, secondsOrNone } from './text.ts';

/** Beyond the largest, rows tell little; `--json` has them all. */
const ROWS_SHOWN_MAX = 20;
const FRAMES_SHOWN_MAX = 3;
const CERTAINTY: readonly Verdict[] = ['leak', 'suspect', 'cache', 'undecided'];
const NOTE_INDENT = '          ';

export function renderLeaks(report: LeaksReport, style: Style): string {
  return blocks(
    report.processes.map((found) =>
      isFailure(found) ? failureLines(found, style) : processLines(found, report.ageSeconds, style),
    ),
  );
}

function processLines(found: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  const unavailable = unavailableLines(found.unavailable, style);
  return [
    heading(found, style),
    '',
    ...(found.leaks.length > 0 ? leakLines(found, style) : nothing(found, ageSeconds, style)),
    ...releasedLines(found, style),
    ...(found.leaks.length > 0 ? ['', ...nextStep(found, ageSeconds, style)] : []),
    ...(unavailable.length > 0 ? ['', ...unavailable] : []),
  ];
}

/** A leak whose memory cleanup has given back is still a leak in the program. */
function releasedLines({ released = [] }: ProcessLeaks, style: Style): string[] {
  const withManager = new Set(released.map(({ manager }) => manager)).size > 1;
  return released.flatMap(({ manager, pool, count: lost, bytes }) => [
    '',
    ...hanging(
      '  ',
      `Given back already: ${formatBytes(bytes)} that ${lost === 1 ? 'was' : 'were'} lost in ${printable(withManager ? `${manager} / ${pool}` : pool)} since the start, in ${count(lost, 'record')}. The program forgets to free ${lost === 1 ? 'it' : 'them'}.`,
      style.width,
    ),
  ]);
}

function nothing({ unavailable }: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  if (unavailable?.['pools'] !== undefined)
    return hanging(
      '  ',
      'Whether anything leaks here cannot be told: only pools can be looked into so far.',
      style.width,
    );
  return hanging(
    '  ',
    `No leaks: nothing is lost or orphaned, and nothing has been held for longer than ${formatSeconds(ageSeconds)}.`,
    style.width,
  );
}

function leakLines({ leaks, totals }: ProcessLeaks, style: Style): string[] {
  const severalManagers = new Set(leaks.map(({ manager }) => manager)).size > 1;
  const columns: Column[] = [
    { head: 'VERDICT' },
    { head: 'KIND', drop: 2 },
    ...(severalManagers ? [{ head: 'MANAGER', shrinkTo: 10, drop: 4 }] : []),
    { head: 'POOL', shrinkTo: 10, drop: 1 },
    { head: 'TAG', shrinkTo: 14 },
    { head: 'COUNT', align: 'right' },
    { head: 'BYTES', align: 'right' },
    { head: 'OLDEST', align: 'right', drop: 3 },
  ];
  const groups = groupLeaks(leaks).toSorted(byCertaintyAndSize);
  const shown = groups.slice(0, ROWS_SHOWN_MAX);
  const rows = shown.map(({ leak }): Cell[] => [
    { text: leak.verdict, paint: verdictPaint(style.theme, leak.verdict) },
    leak.kind,
    ...(severalManagers ? [leak.manager ?? NONE] : []),
    leak.pool ?? leak.source,
    leak.tag ?? functionOf(leak.stack[0]) ?? NONE,
    String(leak.count),
    formatBytes(leak.bytes),
    secondsOrNone(leak.oldestAgeSeconds),
  ]);
  const total: Cell[] = [
    'total',
    '',
    ...(severalManagers ? [''] : []),
    '',
    '',
    String(totals.count),
    formatBytes(totals.bytes),
    '',
  ];
  const drawn = table(columns, [...rows, total], style);
  const more = groups.length - shown.length;
  return [
    drawn.head,
    ...shown.flatMap((group, index) => [drawn.rows[index] ?? '', ...notes(group, style)]),
    ...(more > 0 ? [`  and ${count(more, 'smaller row')}; --json has them all`] : []),
    drawn.rows.at(-1) ?? '',
  ];
}

/** A small certain leak tells more than a large cache that is merely old. */
function byCertaintyAndSize({ leak: a }: LeakGroup, { leak: b }: LeakGroup): number {
  return CERTAINTY.indexOf(a.verdict) - CERTAINTY.indexOf(b.verdict) || b.bytes - a.bytes;
}

/** For whom it was held stands out; the reason is there for who wants it. */
function notes(group: LeakGroup, style: Style): string[] {
  const { leak } = group;
  const whose = heldFor(group);
  const growth =
    leak.bytesPerMinute === null || leak.bytesPerMinute <= 0
      ? ''
      : ` Grows by ${formatBytes(leak.bytesPerMinute)} a minute.`;
  const frames = leak.stack.slice(0, FRAMES_SHOWN_MAX).map((frame) => `${NOTE_INDENT}at ${printable(frame)}`);
  const reason = hanging(NOTE_INDENT, printable(`${groupReason(group)}${growth}`), style.width);
  return [
    ...(whose === undefined ? [] : hanging(NOTE_INDENT, printable(whose), style.width)),
    ...[...reason, ...frames].map((line) => style.theme.faint(line)),
  ];
}

/** Ages bound only what is stale, so what the next command needs is repeated only where it differs from the default. */
function nextStep({ pid, leaks }: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  const certain = leaks.some(({ verdict, source }) => verdict === 'leak' && source === 'pool');
  const suspected = leaks.some(({ verdict, source }) => verdict === 'suspect' && source === 'pool');
  const age = ageSeconds === 300 ? '' : ` --age ${ageSeconds}`;
  if (certain) return hanging('  ', `To give back what is certain: \`memtool cleanup ${pid}${age}\``, style.width);
  if (!suspected)
    return hanging(
      '  ',
      'Nothing here is a leak for certain. Look again later, or with --watch, to see whether it grows.',
      style.width,
    );
  return hanging(
    '  ',
    `All of it is still held by the application. To ask its reclaimers to give it back: \`memtool cleanup ${pid}${age}\` (--force takes it away, whoever uses it).`,
    style.width,
  );
}

/** `fn (file:line:col)` without its place. */
function functionOf(frame: string | undefined): string | undefined {
  return frame?.replace(/ \(.*\)$/, '');
}

function verdictPaint(theme: Theme, verdict: Verdict): Paint {
  return { leak: theme.critical, suspect: theme.warning, cache: theme.faint, undecided: theme.faint }[verdict];
}
