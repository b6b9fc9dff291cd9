import { isFailure, type Leak, type LeaksReport, type LeakScope, type ProcessLeaks, type Verdict } from '../report.ts';
import { formatBytes, formatSeconds } from '../units.ts';
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
    ...(found.leaks.length > 0 ? leakLines(found, style) : nothing(ageSeconds, style)),
    ...releasedLines(found, style),
    ...(found.leaks.length > 0 ? ['', ...nextStep(found, ageSeconds, style)] : []),
    ...(unavailable.length > 0 ? ['', ...unavailable] : []),
  ];
}

/** A leak whose memory cleanup has given back is still a leak in the program. */
function releasedLines({ released = [] }: ProcessLeaks, style: Style): string[] {
  return released.flatMap(({ pool, count: lost, bytes }) => [
    '',
    ...hanging(
      '  ',
      `Given back already: ${formatBytes(bytes)} in ${lost} that were lost in ${printable(pool)} since the start. The program forgets to free them.`,
      style.width,
    ),
  ]);
}

function nothing(ageSeconds: number, style: Style): string[] {
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
  const shown = leaks.toSorted(byCertaintyAndSize).slice(0, ROWS_SHOWN_MAX);
  const rows = shown.map((leak): Cell[] => [
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
  const more = leaks.length - shown.length;
  return [
    drawn.head,
    ...shown.flatMap((leak, index) => [drawn.rows[index] ?? '', ...notes(leak, style)]),
    ...(more > 0 ? [`  and ${count(more, 'smaller row')}; --json has them all`] : []),
    drawn.rows.at(-1) ?? '',
  ];
}

/** A small certain leak tells more than a large cache that is merely old. */
function byCertaintyAndSize(a: Leak, b: Leak): number {
  return CERTAINTY.indexOf(a.verdict) - CERTAINTY.indexOf(b.verdict) || b.bytes - a.bytes;
}

function notes(leak: Leak, style: Style): string[] {
  const where = leak.scope === null ? '' : ` Held for ${scopeText(leak.scope)}.`;
  const growth =
    leak.bytesPerMinute === null || leak.bytesPerMinute <= 0
      ? ''
      : ` Grows by ${formatBytes(leak.bytesPerMinute)} a minute.`;
  const frames = leak.stack.slice(0, FRAMES_SHOWN_MAX).map((frame) => `${NOTE_INDENT}at ${printable(frame)}`);
  return [...hanging(NOTE_INDENT, printable(`${leak.reason}${where}${growth}`), style.width), ...frames].map((line) =>
    style.theme.faint(line),
  );
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
