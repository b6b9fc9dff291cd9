import { TOP_TABS, type TopProcess, type TopState, type TopTab } from '../../report/top.ts';
import { SCOPES_LISTED_MAX } from '../../report/scopes.ts';
import { formatBytes, formatChange, formatPercent, formatSeconds } from '../../units.ts';
import { leaksLines } from '../leaks.ts';
import { unavailableLines } from '../process.ts';
import { residentLines } from '../resident.ts';
import { scopeLines } from '../scopes.ts';
import { heapLines, memoryLine } from '../stats.ts';
import type { Style } from '../style.ts';
import { count, hanging, printable } from '../text.ts';
import { limitLines, ofLimit } from './limits.ts';
import { failureLines, isBare } from './overview.ts';
import { compose, type Frame } from './page.ts';
import { growthOf, HEAP, RSS, trend } from './series.ts';
import { ago, fillsSoon, keyLine, statusPaint, statusWord, titleLine, trouble } from './words.ts';

/** With ten seconds a mark, at an interval of two, six minutes. */
const LOOKS_PER_MARK = 5;
const TREND_WIDTH = 36;
/** With so few columns a mark stands for more, for three minutes. */
const NARROW: { width: number; looksPerMark: number } = { width: 9, looksPerMark: 10 };
const WIDE = 115;
/** A full collection of the heap that a reading begins with; a first guess, as the agent makes it. */
const MS_PER_HEAP_MIB = 1.2;

const TAB_NAMES: Record<TopTab, string> = { pools: 'limits', heap: 'heap & workers', scopes: 'scopes', leaks: 'leaks' };

const KEYS = [
  ['q', 'quit'],
  ['?', 'help'],
  ['Esc', 'back'],
  ['Tab', 'next page'],
  ['↑↓', 'scroll'],
  ['space', 'pause'],
  ['c', 'cleanup'],
  ['l', 'leaks'],
  ['+-', 'interval'],
] as const;

const LEAK_KEYS = [
  ['q', 'quit'],
  ['?', 'help'],
  ['Esc', 'back'],
  ['h', 'read the heap'],
  ['a', 'age'],
  ['l', 'again'],
  ['c', 'cleanup'],
  ['↑↓', 'scroll'],
] as const;

/** One process, a page at a time. */
export function processPage(found: TopProcess, state: TopState, width: number, height: number, style: Style): Frame {
  const notice = state.notice === null ? '' : style.theme.strong(` ${printable(state.notice.text)}`);
  const head = [
    titleLine(title(found, style), state, style),
    figures(found, style),
    notice === '' ? tabLine(state.tab, style) : notice,
    '',
  ];
  const failure = failureLines(found, state, style);
  const body = [...failure, ...(failure.length > 0 ? [''] : []), ...bodyLines(found, state, style)];
  const foot = keyLine(state.tab === 'leaks' ? LEAK_KEYS : KEYS, style);
  return compose({ head, body, foot }, state.scroll, width, height, style);
}

function title(found: TopProcess, style: Style): string {
  const { theme } = style;
  const word = statusPaint(found, theme)(statusWord(found));
  const { stats } = found;
  const version = stats?.nodeVersion == null ? '' : `  Node ${stats.nodeVersion.replace(/^v/, '')}`;
  const up = stats === null ? '' : `  up ${formatSeconds(stats.uptimeSeconds)}`;
  return `${theme.strong(printable(found.name))}  pid ${found.pid}  ${word}${up}${version}`;
}

function figures({ stats, history }: TopProcess, style: Style): string {
  if (stats === null) return '';
  const growth = growthOf(history, RSS);
  const parts = [
    stats.rssBytes === null
      ? ''
      : `RSS ${formatBytes(stats.rssBytes)} ${trend(history, RSS, 10, LOOKS_PER_MARK).trimStart()}`,
    growth === null ? '' : `${formatChange(Math.round(growth))} a minute`,
    stats.heapUsedBytes === null ? '' : `heap ${ofLimit(stats.heapUsedBytes, stats.heapLimitBytes)}`,
    stats.cpuPercent === null ? '' : `CPU ${formatPercent(stats.cpuPercent)}`,
  ];
  const line = parts.filter((part) => part !== '').join(', ');
  return style.theme.faint(line);
}

/** The page that is shown is in brackets, which need no colour. */
function tabLine(shown: TopTab, style: Style): string {
  const tabs = TOP_TABS.map((tab, index) => {
    const name = `${index + 1} ${TAB_NAMES[tab]}`;
    return tab === shown ? style.theme.selected(`[${name}]`) : ` ${name} `;
  });
  return tabs.join(' ');
}

function bodyLines(found: TopProcess, state: TopState, style: Style): string[] {
  if (found.stats === null) return found.status === 'waiting' ? ['  Asked, and not answered yet.'] : [];
  switch (state.tab) {
    case 'pools':
      return poolLines(found, state, style);
    case 'heap':
      return heapPage(found, style);
    case 'scopes':
      return scopePage(found, style);
    case 'leaks':
      return leakPage(found, state, style);
  }
}

function poolLines(found: TopProcess, { intervalSeconds }: TopState, style: Style): string[] {
  const marks = style.width < WIDE ? NARROW : { width: TREND_WIDTH, looksPerMark: LOOKS_PER_MARK };
  const said = found.status === 'ended' ? undefined : trouble(found, style.theme);
  const soon = fillsSoon(found, style.theme);
  // What grows may be full before what is nearest to its limit now.
  const facts = [said?.text, soon?.about === said?.about ? undefined : soon?.text].filter((text) => text !== undefined);
  const sentence = said
    ? `${capital(facts.join('; '))}. l tells who holds it; c, what could be given back.`
    : 'Nothing is near its limit. l tells what is held for too long.';
  const near = found.pressure?.scopesNearLimit ?? 0;
  const limits = limitLines(found, { ...marks, intervalSeconds }, style);
  // Why nothing more is known is said above.
  if (isBare(found)) return (found.pressure?.resources.length ?? 0) > 0 ? limits : [];
  return [
    ...limits,
    '',
    ...(found.status === 'ended' ? [] : hanging('  ', sentence, style.width).map((line) => said?.paint(line) ?? line)),
    ...(near > 0
      ? [`  ${count(near, 'scope')} near ${near === 1 ? 'its limit' : 'their limits'}: 3 shows scopes.`]
      : []),
    ...(found.pressure?.warnings ?? []).flatMap((warning) =>
      hanging('  ', printable(warning), style.width).map((line) => style.theme.warning(line)),
    ),
    ...unavailableLines(found.pressure?.unavailable, style),
  ];
}

function capital(text: string): string {
  return text.replace(/^./, (first) => first.toUpperCase());
}

function heapPage(found: TopProcess, style: Style): string[] {
  const { stats, history } = found;
  if (stats === null) return [];
  const spaces = stats.pools.filter(({ kind }) => kind === 'heap-space');
  const wide = Math.max(10, Math.min(TREND_WIDTH, style.width - 30));
  const trends = (
    [
      ['heap', HEAP],
      ['RSS', RSS],
    ] as const
  ).flatMap(([name, key]) =>
    history.series.has(key) ? [`  ${name.padEnd(7)}  ${trend(history, key, wide, LOOKS_PER_MARK)}`] : [],
  );
  return [
    ...memoryLine(stats, style),
    ...trends,
    ...(spaces.length > 0 ? ['', ...heapLines(spaces, style)] : []),
    ...(stats.resident === undefined ? [] : ['', ...residentLines(stats.resident, style)]),
    ...(isBare(found) ? [] : unavailableLines(stats.unavailable, style)),
  ];
}

/** The overview does not ask for scopes: right after a process was opened they are not known yet. */
function scopePage({ stats, pid }: TopProcess, style: Style): string[] {
  if (stats === null) return [];
  const { scopes, scopeCount = scopes.length } = stats;
  if (scopes.length === 0 && scopeCount > 0)
    return [`  ${count(scopeCount, 'scope is', 'scopes are')} open; they are asked for at the next look.`];
  const lines = scopeLines({ ...stats, scopeCount: scopes.length }, 'used', style);
  const more = scopeCount - scopes.length;
  const listed = Math.min(SCOPES_LISTED_MAX, scopeCount + 50);
  return [
    ...(lines.length > 0 ? lines : ['  No scopes: nothing in this process uses the memtool library.']),
    ...(more > 0 ? hanging('  ', `and ${more} smaller; \`memtool stats ${pid} --scopes ${listed}\``, style.width) : []),
  ];
}

function leakPage(found: TopProcess, state: TopState, style: Style): string[] {
  const { leaks } = state;
  if (leaks?.key !== found.key) return ['  Nothing is known yet: l asks.'];
  const { stage, report, error, answeredAtMs, ageSeconds } = leaks;
  const age = formatSeconds(ageSeconds);
  const doing = {
    asking: 'Asking what is lost, orphaned or held too long.',
    reading: 'Reading the heap.',
    answered: `As of ${ago(answeredAtMs ?? state.nowMs, state.nowMs)}, not followed: l looks again. Older than ${age} counts as stale: a changes that.`,
    failed: error === null ? '' : printable([error.message, error.hint ?? ''].join(' ').trim()),
  }[stage];
  return [
    ...hanging('  ', doing, style.width).map((line) =>
      stage === 'failed' ? style.theme.warning(line) : style.theme.faint(line),
    ),
    ...heapOffer(found, state, style),
    ...(report === null ? [] : ['', ...leaksLines(withoutRefusal(report), ageSeconds, style)]),
  ];
}

/** A reading that was not asked for was not refused, either. */
function withoutRefusal(report: NonNullable<TopState['leaks']>['report'] & object): typeof report {
  const { unavailable, ...rest } = report;
  if (unavailable === undefined) return rest;
  const { heap: _, ...others } = unavailable;
  return Object.keys(others).length > 0 ? { ...rest, unavailable: others } : rest;
}

/** What reading the heap would cost, before it is done. */
function heapOffer({ stats, status }: TopProcess, { leaks, nowMs }: TopState, style: Style): string[] {
  if (status === 'ended' || leaks === null || leaks.stage === 'reading') return [];
  const heap = leaks.report?.heap;
  const bytes = stats?.heapUsedBytes ?? null;
  const cost = heap
    ? `${Math.ceil(heap.pauseMs)} ms the last time`
    : bytes === null
      ? 'a moment'
      : `about ${Math.max(1, Math.round((bytes / 1024 ** 2) * MS_PER_HEAP_MIB))} ms`;
  const read = heap
    ? `Its heap was read ${ago(Date.parse(heap.readAt), nowMs)}: below. h reads it again`
    : 'Its heap was not read. h reads it, by place in the program';
  return hanging('  ', `${read}; that stops the process, ${cost}.`, style.width);
}
