import { isFailure } from '../report/document.ts';
import { VERDICTS, type Leak, type LeaksReport, type ProcessLeaks, type Verdict } from '../report/leaks.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import { groupLeaks, groupReason, heldFor, type LeakGroup } from './leak-groups.ts';
import { heapLines } from './heap-reading.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import { retainerLines } from './retainers.ts';
import { placeName, stackLines } from './stack.ts';
import type { Paint, Style, Theme } from './style.ts';
import { table, type Cell, type Column } from './table.ts';
import { count, hanging, NONE, printable, secondsOrNone } from './text.ts';

/** Beyond the largest, rows tell little; `--json` has them all. */
const ROWS_SHOWN_MAX = 20;
/** Of the heap, what is no leak is shown if it is this much; enough to see that it was looked at. */
const HARMLESS_SHOWN_MAX = 3;
const HARMLESS_BYTES_MIN = 1024 * 1024;
const NOTE_INDENT = '          ';

export function renderLeaks(report: LeaksReport, style: Style): string {
  return blocks(
    report.processes.map((found) =>
      isFailure(found) ? failureLines(found, style) : processLines(found, report.ageSeconds, style),
    ),
  );
}

function processLines(found: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  return [heading(found, style), '', ...leaksLines(found, ageSeconds, style)];
}

/** Beneath the name of the process. */
export function leaksLines(found: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  const unavailable = unavailableLines(found.unavailable, style);
  return [
    ...(found.leaks.length > 0 ? leakLines(found, style) : nothing(found, ageSeconds, style)),
    ...releasedLines(found, style),
    ...heapLines(found, ageSeconds, style),
    ...retainerLines(found, style),
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

function nothing({ heap, unavailable }: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  const hasPools = unavailable?.['pools'] === undefined;
  const age = formatSeconds(ageSeconds);
  const isSeen = heap !== undefined && heap.watchedSeconds > ageSeconds;
  const what = [
    ...(hasPools ? [`nothing is lost or orphaned, and nothing${heap ? ' in a pool' : ''} has been held`] : []),
    ...(isSeen ? ['nothing that was sampled on the heap has lived'] : []),
  ];
  const text =
    what.length > 0
      ? `No leaks: ${what.join(', and ')} for longer than ${age}.`
      : `Whether anything leaks here cannot be told${heap ? ' yet' : ''}.`;
  return hanging('  ', text, style.width);
}

function leakLines({ leaks, totals }: ProcessLeaks, style: Style): string[] {
  // What is on the heap belongs to none.
  const severalManagers = new Set(leaks.flatMap(({ manager }) => manager ?? [])).size > 1;
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
  const harmless = groups.filter(({ leak }) => isHarmless(leak));
  const told = new Set(harmless.filter(({ leak }) => leak.bytes >= HARMLESS_BYTES_MIN).slice(0, HARMLESS_SHOWN_MAX));
  const shown = groups.filter((group) => !isHarmless(group.leak) || told.has(group)).slice(0, ROWS_SHOWN_MAX);
  const rows = shown.map(({ leak }): Cell[] => [
    { text: leak.verdict, paint: verdictPaint(style.theme, leak.verdict) },
    leak.kind,
    ...(severalManagers ? [leak.manager ?? NONE] : []),
    leak.pool ?? leak.source,
    leak.tag ?? placeName(leak.stack) ?? NONE,
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
    ...(more > 0 ? [style.theme.faint(moreText(more, groups, shown))] : []),
    drawn.rows.at(-1) ?? '',
  ];
}

function moreText(more: number, groups: LeakGroup[], shown: LeakGroup[]): string {
  const rest = groups.filter((group) => !shown.includes(group));
  const bytes = formatBytes(rest.reduce((sum, { leak }) => sum + leak.bytes, 0));
  const what = rest.every(({ leak }) => isHarmless(leak)) ? 'place' : 'row';
  return `  and ${count(more, `${what === 'place' ? 'harmless or small ' : 'smaller '}${what}`)} (${bytes}); --json has them all`;
}

function isHarmless({ source, verdict }: Leak): boolean {
  return source !== 'pool' && (verdict === 'cache' || verdict === 'undecided');
}

/** A small certain leak tells more than a large cache that is merely old. */
function byCertaintyAndSize({ leak: a }: LeakGroup, { leak: b }: LeakGroup): number {
  return VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || b.bytes - a.bytes;
}

/** For whom it was held stands out; the reason is there for who wants it. */
function notes(group: LeakGroup, style: Style): string[] {
  const { leak } = group;
  const whose = heldFor(group);
  const growth =
    leak.source !== 'pool' || leak.bytesPerMinute === null || leak.bytesPerMinute <= 0
      ? ''
      : ` Grows by ${formatBytes(leak.bytesPerMinute)} a minute.`;
  const frames = stackLines(leak.stack).map((line) => `${NOTE_INDENT}${line}`);
  const reason = hanging(NOTE_INDENT, printable(`${groupReason(group)}${growth}`), style.width);
  return [
    ...(whose === undefined ? [] : hanging(NOTE_INDENT, printable(whose), style.width)),
    ...[...reason, ...frames].map((line) => style.theme.faint(line)),
  ];
}

/** Ages bound only what is stale, so what the next command needs is repeated only where it differs from the default. */
function nextStep({ pid, leaks }: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  const has = (source: 'pool' | 'heap', ...verdicts: Verdict[]): boolean =>
    leaks.some((leak) => (leak.source === 'pool') === (source === 'pool') && verdicts.includes(leak.verdict));
  const age = ageSeconds === 300 ? '' : ` --age ${ageSeconds}`;
  const steps = [
    ...(has('pool', 'leak') ? [`To give back what is certain: \`memtool cleanup ${pid}${age}\``] : []),
    ...(!has('pool', 'leak') && has('pool', 'suspect')
      ? [
          `All of it is still held by the application. To ask its reclaimers to give it back: \`memtool cleanup ${pid}${age}\` (--force takes it away, whoever uses it).`,
        ]
      : []),
    ...(has('heap', 'leak', 'suspect')
      ? [
          `What leaks on the heap only the program can let go of: look where the places named keep what they make. \`memtool leaks ${pid} --retainers\` names what keeps it alive; it stops the program for seconds, and asks before.`,
        ]
      : []),
  ];
  if (steps.length === 0) steps.push('Nothing here is a leak for certain. Look again later, to see whether it grows.');
  return steps.flatMap((step) => hanging('  ', step, style.width));
}

function verdictPaint(theme: Theme, verdict: Verdict): Paint {
  return { leak: theme.critical, suspect: theme.warning, cache: theme.faint, undecided: theme.faint }[verdict];
}
