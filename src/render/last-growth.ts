import type { ProcessLast } from '../report/last.ts';
import { formatBytes, formatChange, formatSeconds } from '../units.ts';
import { timeLine, type Point } from './time-line.ts';
import type { Style } from './style.ts';
import { cut, printable, textWidth } from './text.ts';

/** Of pools, by what they held last. */
const POOLS_SHOWN_MAX = 6;
const NAME_WIDTH_MAX = 22;
const LINE_WIDTH_MAX = 30;
const LINE_WIDTH_MIN = 10;
/** Of an hour and less the minutes say nothing that the seconds have not said. */
const DAY_MINUTES_MIN = 15;
/** Not shown unless they change: nearly every process has some. */
const QUIET: ReadonlySet<string> = new Set(['external', 'array buffers']);
const QUIET_BYTES_MAX: number = 1024 * 1024;
const MINUTE_MS = 60_000;

interface Series {
  name: string;
  points: Point[];
}

/** The last minute of what the process held as a line each, and the last day where it ran so long. */
export function growthLines(found: ProcessLast, style: Style): string[] {
  const { seconds, minutes, columns } = found.history;
  const lastMs = seconds.at(-1)?.[0] ?? null;
  if (lastMs === null) return [];
  const names = namesOf(found);
  const minute = seriesOf(seconds, columns, names);
  const from = Math.max(seconds[0]?.[0] ?? 0, lastMs - MINUTE_MS);
  const title = `LAST ${lastMs - from < MINUTE_MS - 2000 ? formatSeconds((lastMs - from) / 1000) : 'MINUTE'}`;
  const lines = drawn(minute, from, lastMs, title.toUpperCase(), style);
  if (minutes.length < DAY_MINUTES_MIN) return lines;
  const first = minutes[0]?.[0] ?? 0;
  const day = drawn(seriesOf(minutes, columns, names), first, lastMs, `LAST ${formatSeconds((lastMs - first) / 1000).toUpperCase()}`, style); // prettier-ignore
  return [...lines, '', ...day];
}

/** By column, what it is called here. */
function namesOf({ pools, history }: ProcessLast): Map<string, string> {
  const severalManagers = new Set(pools.map(({ manager }) => manager)).size > 1;
  const names = new Map([
    ['rss', 'RSS'],
    ['heapUsed', 'heap'],
    ['external', 'external'],
    ['arrayBuffers', 'array buffers'],
    ['cgroup.current', 'container'],
  ]);
  for (const { manager, name, usedBytes } of pools.slice(0, POOLS_SHOWN_MAX)) {
    const column = `pool:${manager}/${name}.used`;
    if (usedBytes > 0 && history.columns.includes(column))
      names.set(column, severalManagers ? `pool ${manager}/${name}` : `pool ${name}`);
  }
  return names;
}

function seriesOf(rows: (number | null)[][], columns: string[], names: Map<string, string>): Series[] {
  return [...names].flatMap(([column, name]) => {
    const index = columns.indexOf(column);
    if (index < 0) return [];
    const points = rows.map((row) => ({ at: row[0] ?? 0, value: row[index] ?? null }));
    return points.some(({ value }) => value !== null) ? [{ name, points }] : [];
  });
}

function drawn(series: Series[], from: number, to: number, title: string, style: Style): string[] {
  const rows = series.flatMap(({ name, points }) => {
    const within = points.filter(({ at, value }) => value !== null && at >= from);
    const first = within[0]?.value ?? null;
    const last = within.at(-1)?.value ?? null;
    if (first === null || last === null || (QUIET.has(name) && Math.abs(last - first) < QUIET_BYTES_MAX)) return [];
    return [
      {
        name: cut(printable(name), NAME_WIDTH_MAX),
        points,
        last: formatBytes(last),
        change: formatChange(last - first),
      },
    ];
  });
  const nameWidth = Math.max(textWidth(title), ...rows.map(({ name }) => textWidth(name)));
  const lastWidth = Math.max('AT THE END'.length, ...rows.map(({ last }) => last.length));
  const changeWidth = Math.max('CHANGE'.length, ...rows.map(({ change }) => change.length));
  const room = style.width - 2 - nameWidth - lastWidth - changeWidth - 6;
  // More columns than samples would leave holes.
  const samples = Math.max(1, ...series.map(({ points }) => points.filter(({ at }) => at >= from).length));
  const lineWidth = room < LINE_WIDTH_MIN ? 0 : Math.min(LINE_WIDTH_MAX, room, samples);
  const line = (name: string, middle: string, last: string, change: string): string =>
    `  ${name}${' '.repeat(nameWidth - textWidth(name))}  ${middle}${lineWidth > 0 ? '  ' : ''}${last.padStart(lastWidth)}  ${change.padStart(changeWidth)}`;
  return [
    style.theme.faint(line(title, ' '.repeat(lineWidth), 'AT THE END', 'CHANGE')),
    ...rows.map(({ name, points, last, change }) =>
      line(name, lineWidth > 0 ? timeLine(points, from, to, lineWidth) : '', last, change),
    ),
  ];
}
