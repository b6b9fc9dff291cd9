import { stripVTControlCharacters } from 'node:util';
import { levelAt } from '../../report/level.ts';
import type { Resource } from '../../report/pressure.ts';
import type { ProcessStats } from '../../report/stats.ts';
import type { TopProcess, TopSort, TopState } from '../../report/top.ts';
import { formatBytes, formatChange, formatPercent, formatSeconds } from '../../units.ts';
import { resourceName } from '../pressure.ts';
import type { Style } from '../style.ts';
import { table, type Cell, type Column } from '../table.ts';
import { count, hanging, NONE, printable, textWidth } from '../text.ts';
import { limitLines, ofLimit, steady, trendHead, type TrendSize } from './limits.ts';
import { fullest, rssOf, selectedProcess, shownProcesses } from './order.ts';
import { bodyHeight, compose, padded, type Frame } from './page.ts';
import { growthOf, RSS, trend } from './series.ts';
import { ago, keyLine, label, statusPaint, statusWord, titleLine, trouble, type Sentence } from './words.ts';

/** Two minutes at an interval of two seconds. */
const LOOKS_SHOWN = 60;
const TREND_WIDTH = 7;
/** Of the limits beneath the list, which have fewer columns. */
const DETAIL_TREND_WIDTH = 12;
const DETAIL_TREND_WIDTH_NARROW = 8;
const TREND_WIDTH_WIDE = 20;
const WIDE = 100;
const VERY_WIDE = 150;
/** Beneath the list, if so many lines are left: a blank one, the heading, the table's head and a row. */
const DETAIL_LINES_MIN = 4;
/** Of RSS, a minute: less comes and goes. */
const GROWTH_TOLD_BYTES: number = 4 * 1024 * 1024;
/** Of the list, when there are more processes than lines. */
const LIST_LINES_MIN = 5;

const KEYS = [
  ['q', 'quit'],
  ['?', 'help'],
  ['↑↓', 'select'],
  ['Enter', 'open'],
  ['s', 'sort'],
  ['/', 'filter'],
  ['space', 'pause'],
  ['c', 'cleanup'],
  ['l', 'leaks'],
  ['r', 'reverse'],
  ['+-', 'interval'],
] as const;

const SORT_NAMES: Record<TopSort, string> = {
  pressure: 'pressure',
  rss: 'RSS',
  heap: 'heap',
  cpu: 'CPU',
  growth: 'growth of RSS',
  name: 'name',
};

/** All processes, a line each, and the limits of the one that is selected. */
export function overview(state: TopState, width: number, height: number, style: Style): Frame {
  const shown = shownProcesses(state);
  const said = headline(state, shown, style);
  const head = [titleLine(title(state, shown, style), state, style), said.paint(said.text), ''];
  const room = bodyHeight(head.length, height);
  const body = shown.length === 0 ? emptyLines(state, style) : listAndDetail(state, shown, room, style);
  return compose({ head, body, foot: footer(state, style) }, 0, width, height, style);
}

function title(state: TopState, shown: readonly TopProcess[], style: Style): string {
  const { processes, more, filter, sort, isReversed } = state;
  const living = shown.filter(({ status }) => status !== 'ended').length;
  const number = filter === '' ? count(living, 'process', 'processes') : `${living} of ${processes.length} processes`;
  const parts = [
    `${style.theme.strong('memtool top')}  ${number}`,
    more > 0 ? `and ${more} more` : '',
    filter === '' ? '' : `filter ${JSON.stringify(printable(filter))}`,
    `by ${SORT_NAMES[sort]}${isReversed ? ', reversed' : ''}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

/** What a worried user should know first. */
function headline({ notice }: TopState, shown: readonly TopProcess[], style: Style): Sentence {
  const { theme } = style;
  if (notice !== null) return { text: printable(notice.text), paint: theme.strong };
  if (shown.length === 0) return { text: '', paint: theme.faint };
  const near = shown
    .filter(({ status, pressure }) => status === 'answering' && (pressure?.level ?? 'normal') !== 'normal')
    .toSorted((a, b) => Number(b.pressure?.level === 'critical') - Number(a.pressure?.level === 'critical'));
  const silent = shown.filter(({ status }) => status === 'silent');
  const [worst] = near;
  const said = worst && trouble(worst, theme);
  if (said) {
    const others = near.length > 1 ? ` (and ${near.length - 1} more)` : '';
    const whole = `${label(worst)}: ${said.text}`;
    const most = [`${whole}${others}`, whole, `${label(worst)}: ${said.short}`];
    return { text: most.find((text) => textWidth(text) <= style.width) ?? said.short, paint: said.paint };
  }
  const [mute] = silent;
  if (mute) {
    const others =
      silent.length > 1 ? `, nor ${silent.length - 1 === 1 ? 'does 1 more' : `do ${silent.length - 1} more`}` : '';
    return { text: `${label(mute)} does not answer${others}`, paint: theme.warning };
  }
  return laterTrouble(shown, style) ?? { text: 'Nothing is near its limit.', paint: theme.good };
}

/** Where no limit is near: what will be, what else is wrong, or what grows most. */
function laterTrouble(shown: readonly TopProcess[], { theme }: Style): Sentence | undefined {
  const answering = shown.filter(({ status }) => status === 'answering');
  for (const found of answering) {
    const soon = trouble(found, theme);
    if (soon) return { text: `${label(found)}: ${soon.text}`, paint: soon.paint };
  }
  const warned = answering.find(({ pressure }) => (pressure?.warnings?.length ?? 0) > 0);
  if (warned)
    return { text: `${label(warned)}: ${printable(warned.pressure?.warnings?.[0] ?? '')}`, paint: theme.warning };
  const [fastest] = answering
    .map((found) => ({ found, growth: growthOf(found.history, RSS) ?? 0 }))
    .toSorted((a, b) => b.growth - a.growth);
  if (!fastest || fastest.growth < GROWTH_TOLD_BYTES) return undefined;
  const growth = formatBytes(fastest.growth);
  return { text: `Nothing is near its limit. ${label(fastest.found)} grows by ${growth} a minute.`, paint: theme.good };
}

function listAndDetail(state: TopState, shown: readonly TopProcess[], room: number, style: Style): string[] {
  const wanted = shown.length + 1;
  const detailRoom = room - Math.min(wanted, Math.max(LIST_LINES_MIN, Math.ceil(room / 2)));
  const hasDetail = detailRoom >= DETAIL_LINES_MIN;
  const list = listLines(state, shown, hasDetail ? room - detailRoom : room, style);
  const selected = selectedProcess(state);
  if (!hasDetail || !selected) return list;
  return [...list, '', ...detailLines(selected, state, room - list.length - 1, style)];
}

/** As many rows as there is room for, around the one that is selected. */
function listLines(state: TopState, shown: readonly TopProcess[], room: number, style: Style): string[] {
  const selected = selectedProcess(state);
  const at = Math.max(
    0,
    shown.findIndex(({ key }) => key === selected?.key),
  );
  // In a single line the selected process says more than the names of the columns.
  const rowsRoom = Math.max(1, room - 1);
  const isCut = shown.length > rowsRoom && rowsRoom > 2;
  const visible = isCut ? rowsRoom - 1 : rowsRoom;
  const from = Math.max(0, Math.min(at - Math.floor(visible / 2), shown.length - visible));
  const rows = shown.slice(from, from + visible);
  const size = trendSize(state, style);
  const drawn = table(
    columnsOf(state.sort, size, style.width >= WIDE),
    rows.map((found) => cellsOf(found, size, style)),
    style,
  );
  const lines = rows.map((found, index) => {
    const line = drawn.rows[index] ?? '';
    const plain = found.status === 'ended' ? style.theme.faint(stripVTControlCharacters(line)) : line;
    return found.key === selected?.key ? style.theme.selected(padded(`>${plain.slice(1)}`, style.width)) : plain;
  });
  const above = from;
  const below = shown.length - from - rows.length;
  const more = isCut
    ? [
        style.theme.faint(
          `  ${[above > 0 ? `↑ ${above} more` : '', below > 0 ? `↓ ${below} more` : ''].filter((part) => part !== '').join('  ')}`,
        ),
      ]
    : [];
  return room <= 1 ? lines : [drawn.head, ...lines, ...more];
}

function trendSize({ intervalSeconds }: TopState, { width }: Style): TrendSize {
  const trendWidth = width < VERY_WIDE ? TREND_WIDTH : TREND_WIDTH_WIDE;
  return { width: trendWidth, looksPerMark: Math.ceil(LOOKS_SHOWN / trendWidth), intervalSeconds };
}

/** What is sorted by has a mark, and is not left out. */
function columnsOf(sort: TopSort, size: TrendSize, isWide: boolean): Column[] {
  const mark = (head: string, is: TopSort): string => (sort === is ? `${head}*` : head);
  const unless = (is: TopSort, drop: number): { drop?: number } => (sort === is ? {} : { drop });
  return [
    { head: mark('NAME', 'name'), shrinkTo: isWide ? 12 : 10 },
    { head: 'PID', align: 'right', drop: 3 },
    { head: mark('LEVEL', 'pressure') },
    { head: mark('RSS', 'rss'), align: 'right', ...unless('rss', 2) },
    { head: trendHead(size), align: 'right', drop: 5 },
    { head: mark('RSS/MIN', 'growth'), align: 'right', ...unless('growth', 8) },
    { head: mark('CPU', 'cpu'), align: 'right', ...unless('cpu', 6) },
    { head: mark('HEAP', 'heap'), align: 'right', ...unless('heap', 7) },
    { head: 'HEAP USAGE', drop: 9 },
    { head: 'FULLEST', shrinkTo: isWide ? 14 : 7, drop: 4 },
    { head: 'USAGE', drop: 1 },
  ];
}

function cellsOf(found: TopProcess, size: TrendSize, style: Style): Cell[] {
  const { stats, pressure, history, name, pid } = found;
  const nearest = fullest(found);
  const growth = growthOf(history, RSS);
  return [
    name,
    String(pid),
    { text: statusWord(found).padEnd(8), paint: statusPaint(found, style.theme) },
    steady(rssOf(found)),
    trend(history, RSS, size.width, size.looksPerMark),
    (growth === null ? NONE : formatChange(Math.round(growth))).padStart(10),
    (stats?.cpuPercent == null ? NONE : `${Math.round(stats.cpuPercent)} %`).padStart(5),
    steady(stats?.heapUsedBytes ?? null),
    heapCell(found),
    nearest ? shortName(nearest) : NONE,
    nearest ? { usage: { percent: nearest.usedPercent, level: nearest.level } } : pressure === null ? '' : NONE,
  ];
}

/** That a pool is a pool goes without saying. */
function shortName(resource: Resource): string {
  return resource.kind === 'pool' ? resource.name : resourceName(resource, false);
}

function heapCell({ stats }: TopProcess): Cell {
  if (stats?.heapUsedBytes == null || stats.heapLimitBytes == null) return NONE;
  const percent = (stats.heapUsedBytes / stats.heapLimitBytes) * 100;
  return { usage: { percent, level: levelAt(percent) } };
}

/** Why nothing else is known of it, or what is: its limits. */
function detailLines(found: TopProcess, state: TopState, room: number, style: Style): string[] {
  const { theme } = style;
  const name = theme.strong(label(found));
  const failure = failureLines(found, state, style);
  if (failure.length > 0) return [name, ...failure];
  if (found.stats === null) return [name, '  Asked, and not answered yet.'];
  const width = style.width < WIDE ? DETAIL_TREND_WIDTH_NARROW : DETAIL_TREND_WIDTH;
  const size = { width, looksPerMark: Math.ceil(LOOKS_SHOWN / width), intervalSeconds: state.intervalSeconds };
  const next = trouble(found, theme) ? ['', '  l tells who holds it; c, what could be given back.'] : [];
  const limits = limitLines(found, size, style, room - 1);
  return [
    `${name}  ${theme.faint(facts(found.stats))}`,
    ...limits,
    ...(limits.length + 1 + next.length <= room ? next : []),
  ];
}

/** What the columns have no room for. */
function facts(stats: ProcessStats): string {
  const { uptimeSeconds, cpuPercent, heapUsedBytes, heapLimitBytes, externalBytes, scopeCount = 0 } = stats;
  return [
    `up ${formatSeconds(uptimeSeconds)}`,
    cpuPercent === null ? '' : `CPU ${formatPercent(cpuPercent)}`,
    heapUsedBytes === null ? '' : `heap ${ofLimit(heapUsedBytes, heapLimitBytes)}`,
    externalBytes === null ? '' : `external ${formatBytes(externalBytes)}`,
    scopeCount === 0 ? '' : count(scopeCount, 'scope'),
  ]
    .filter((fact) => fact !== '')
    .join(', ');
}

/** Why a process does not answer, that it is over, or that only the system can tell something of it. */
export function failureLines(found: TopProcess, { nowMs }: TopState, style: Style): string[] {
  const { theme, width } = style;
  const { status, error, answeredAtMs, endedAtMs, pid, stats } = found;
  if (status === 'ended') {
    return hanging(
      '  ',
      `It ended ${ago(endedAtMs ?? nowMs, nowMs)}. What it held then, and what ended it: \`memtool last ${pid}\`.`,
      width,
    );
  }
  if (status === 'silent' && error !== null) {
    const since = answeredAtMs === null ? '' : ` It last answered ${ago(answeredAtMs, nowMs)}.`;
    return [
      ...hanging('  ', printable(`${error.message}${since}`), width).map((line) => theme.warning(line)),
      ...(error.hint === null ? [] : hanging('  ', printable(error.hint), width)),
    ];
  }
  if (!isBare(found)) return [];
  const reason = stats?.unavailable?.['pools'] ?? '';
  return hanging('  ', printable(`Only what the system knows of it is shown: ${reason}`), width);
}

/** Without an agent. */
export function isBare({ stats }: TopProcess): boolean {
  return stats !== null && stats.nodeVersion === null;
}

function emptyLines({ filter, processes, startable, target, isListed }: TopState, style: Style): string[] {
  if (!isListed) return ['  Looking for processes with an agent.'];
  const text =
    filter !== '' && processes.length > 0
      ? `None of ${count(processes.length, 'process', 'processes')} has ${JSON.stringify(printable(filter))} in its name or pid. Esc shows all.`
      : startable
        ? `No process${target === null ? '' : ' of that name'} has a memtool agent now; one that starts is shown at once. To start an agent in ${printable(startable.name)}, without a restart: \`memtool attach ${startable.pid}\`.`
        : `No process${target === null ? '' : ' of that name'} has a memtool agent now; one that starts is shown at once. Start a program with it: \`memtool run app.js\`. Or see an example: \`memtool demo --keep\`.`;
  return hanging('  ', text, style.width);
}

function footer({ isFiltering, filter }: TopState, style: Style): string {
  if (!isFiltering) return keyLine(KEYS, style);
  return ` Filter by name or pid: ${printable(filter)}█  ${style.theme.faint('Enter keeps it, Esc shows all')}`;
}
