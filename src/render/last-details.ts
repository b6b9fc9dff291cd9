import type { LastEvent, LastHolder, ProcessLast } from '../report/last.ts';
import { formatBytes, formatPercent, formatSeconds } from '../units.ts';
import { placeName, stackLines } from './stack.ts';
import { levelPaint, type Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, count, cut, hanging, NONE, printable, secondsOrNone } from './text.ts';

const EVENTS_SHOWN_MAX = 6;
/** Of the largest: what is smaller did not fill the heap. */
const SITE_SHARE_MIN = 0.05;

/** What was full, who held it, and what came near its limit when. */
export function detailLines(found: ProcessLast, style: Style): string[] {
  return [
    limitLines(found, style),
    holderLines(found, style),
    siteLines(found, style),
    scopeLines(found, style),
    eventLines(found, style),
  ]
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

interface Limited {
  name: string;
  usedBytes: number | null;
  limitBytes: number | null;
}

function limitLines(found: ProcessLast, style: Style): string[] {
  const limited: Limited[] = [
    { name: 'heap', usedBytes: found.heapUsedBytes, limitBytes: found.heapLimitBytes },
    { name: 'container', usedBytes: found.containerUsedBytes, limitBytes: found.containerLimitBytes },
    ...found.pools
      .filter((pool) => pool.usedBytes > 0)
      .map(({ manager, name, usedBytes, limitBytes }) => ({
        name: new Set(found.pools.map((pool) => pool.manager)).size > 1 ? `pool ${manager}/${name}` : `pool ${name}`,
        usedBytes,
        limitBytes,
      })),
  ];
  const rows = limited.flatMap(({ name, usedBytes, limitBytes }): { percent: number; cells: Cell[] }[] => {
    if (usedBytes === null || limitBytes === null || limitBytes <= 0) return [];
    const percent = (usedBytes / limitBytes) * 100;
    const level = percent >= 95 ? 'critical' : percent >= 80 ? 'warning' : 'normal';
    return [{ percent, cells: [name, { usage: { percent, level } }, formatBytes(usedBytes), formatBytes(limitBytes)] }];
  });
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { head: 'LIMITS AT THE END', shrinkTo: 14 },
    { head: 'USAGE' },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right' },
  ];
  const sorted = rows.toSorted((a, b) => b.percent - a.percent).map(({ cells }) => cells);
  return tableText(table(columns, sorted, style));
}

function holderLines({ holders, pools, detailsAt, sampledAt }: ProcessLast, style: Style): string[] {
  if (holders.length === 0) return [];
  const before = detailsAt === null ? 0 : (Date.parse(sampledAt) - Date.parse(detailsAt)) / 1000;
  const isSeveral = new Set(pools.map(({ manager }) => manager)).size > 1;
  const columns: Column[] = [
    { head: 'HELD IN POOLS', shrinkTo: 12 },
    { head: 'BY', shrinkTo: 16 },
    { head: 'COUNT', align: 'right', drop: 1 },
    { head: 'BYTES', align: 'right' },
  ];
  const rows = holders.map((holder): Cell[] => [
    isSeveral ? `${holder.manager}/${holder.pool}` : holder.pool,
    holderName(holder),
    String(holder.count),
    formatBytes(holder.bytes),
  ]);
  const age = before < 2 ? [] : [`  as it was ${formatSeconds(before)} before the end`];
  return [...tableText(table(columns, rows, style)), ...age];
}

function holderName({ tag, stack }: LastHolder): string {
  return tag ?? placeName(stack) ?? '(no tag)';
}

function siteLines({ sites, sitesReadAt, ending, sampledAt }: ProcessLast, style: Style): string[] {
  if (sitesReadAt === null) {
    if (ending.how !== 'heap-limit') return [];
    return hanging(
      '  ',
      'Which places of the program filled the heap is not known: nobody had it read while it ran.',
      style.width,
    );
  }
  const before = (Date.parse(sampledAt) - Date.parse(sitesReadAt)) / 1000;
  const when = before >= 1 ? `, read ${formatSeconds(before)} before the end` : ', read at the end';
  return [
    `  Largest places on the heap${when}:`,
    ...sites
      .filter(({ bytes }) => bytes >= SITE_SHARE_MIN * (sites[0]?.bytes ?? 0))
      .map(({ stack, bytes, verdict }) => {
        const place = stackLines(stack)[0]?.replace(/^at /, '') ?? NONE;
        return cut(`  ${formatBytes(bytes).padStart(12)}  ${verdict.padEnd(9)}  ${place}`, style.width);
      }),
    ...(sites.length === 0 ? ['    none that was large enough to be seen'] : []),
  ];
}

function scopeLines({ scopes, scopeCount }: ProcessLast, style: Style): string[] {
  if (scopes.length === 0) return [];
  const columns: Column[] = [
    { head: 'OPEN SCOPES', shrinkTo: 14 },
    { head: 'USER', shrinkTo: 8, drop: 1 },
    { head: 'USED', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 2 },
    { head: 'AGE', align: 'right', drop: 3 },
  ];
  const rows = scopes.map((scope): Cell[] => [
    `${scope.kind} ${scope.name}`,
    scope.user ?? NONE,
    formatBytes(scope.usedBytes),
    bytesOrNone(scope.limitBytes),
    secondsOrNone(scope.ageSeconds),
  ]);
  const more = scopeCount - scopes.length;
  return [...tableText(table(columns, rows, style)), ...(more > 0 ? [`  and ${count(more, 'more scope')}`] : [])];
}

function eventLines({ events, sampledAt }: ProcessLast, style: Style): string[] {
  if (events.length === 0) return [];
  const shown = events.slice(-EVENTS_SHOWN_MAX);
  return ['  Pressure:', ...shown.map((event) => eventLine(event, sampledAt, style))];
}

function eventLine({ at, name, level, usedBytes, limitBytes }: LastEvent, endAt: string, style: Style): string {
  const before = Math.max(0, (Date.parse(endAt) - Date.parse(at)) / 1000);
  const when = before < 1 ? 'at the end' : `${formatSeconds(before)} before`;
  const percent = limitBytes > 0 ? formatPercent((usedBytes / limitBytes) * 100) : NONE;
  const text = cut(
    `  ${when.padStart(14)}  ${printable(name)} ${level} at ${percent} of ${formatBytes(limitBytes)}`,
    style.width,
  );
  return levelPaint(style.theme, level)(text);
}
