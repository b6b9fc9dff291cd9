import {
  SERIES_VERDICTS,
  type DifferenceVerdict,
  type RecordingTrends,
  type SeriesDifference,
  type SeriesTrend,
  type SeriesVerdict,
  type TrendReport,
} from '../../trends/trend-report.ts';
import { formatChange, formatSeconds } from '../../units.ts';
import { sparkline } from '../sparkline.ts';
import type { Paint, Style, Theme } from '../style.ts';
import { table, type Cell, type Column } from '../table.ts';
import { bytesOrNone, count, hanging, NONE, printable, secondsOrNone } from '../text.ts';
import { formatInterval, formatRate, rateUnit } from './rate.ts';
import { hasSeveralManagers, seriesName } from './series-name.ts';

/** From this width on sparklines have room. */
const WIDE = 100;
const SPARK_NARROW = 10;
const SPARK_WIDE = 24;
const REASON_INDENT = '          ';

export function renderTrends({ processes, differences, file }: TrendReport, style: Style): string {
  const [first] = processes;
  const parts = processes.map((one, place) =>
    recordingLines(one, processes.length > 1 ? (place === 0 ? 'baseline' : 'current') : null, style),
  );
  if (differences) parts.push(differenceLines(differences, style));
  if (first && !differences) parts.push(summaryLines(first, style));
  if (file !== undefined)
    parts.push(hanging('  ', `Wrote ${printable(file)}: open it in any browser; it needs no network.`, style.width));
  return parts.map((lines) => lines.join('\n')).join('\n\n');
}

function recordingLines(found: RecordingTrends, role: string | null, style: Style): string[] {
  const node = found.nodeVersion === null ? '' : `  Node ${found.nodeVersion.replace(/^v/, '')}`;
  return [
    `${role === null ? '' : `${role}: `}${style.theme.strong(printable(found.name))}  pid ${found.pid}${node}  ${printable(found.file)}`,
    ...hanging(
      '  ',
      `${count(found.samples, 'sample')} in ${formatSeconds(found.durationSeconds)}, from ${shortTime(found.startedAt)}${judgedPart(found)}.`,
      style.width,
    ).map(style.theme.faint),
    '',
    ...(found.series.length === 0 ? ['  There are no samples in it.'] : seriesLines(found.series, style)),
    ...found.warnings.flatMap((warning) => hanging('  ', warning, style.width).map(style.theme.warning)),
  ];
}

function judgedPart({ restarts, judgedFromSeconds, judgedToSeconds }: RecordingTrends): string {
  if (restarts === 0) return '';
  return `, with ${count(restarts, 'restart')}; judged is the longest life, from ${formatSeconds(judgedFromSeconds)} to ${formatSeconds(judgedToSeconds)}`;
}

function seriesLines(series: SeriesTrend[], style: Style): string[] {
  const withManager = hasSeveralManagers(series.map(({ column }) => column));
  const sorted = series.toSorted((a, b) => SERIES_VERDICTS.indexOf(a.verdict) - SERIES_VERDICTS.indexOf(b.verdict));
  const columns: Column[] = [
    { head: 'VERDICT' },
    { head: 'SERIES', shrinkTo: 10 },
    { head: 'OVER TIME', drop: 1 },
    { head: 'NOW', align: 'right' },
    { head: 'LIMIT', align: 'right', drop: 4 },
    { head: 'TREND', align: 'right' },
    { head: 'FULL IN', align: 'right', drop: 2 },
  ];
  const rows = sorted.map((one): Cell[] => [
    { text: verdictText(one.verdict), paint: verdictPaint(style.theme, one.verdict) },
    seriesName(one.column, withManager),
    sparkline(one.shape, style.width < WIDE ? SPARK_NARROW : SPARK_WIDE),
    bytesOrNone(one.lastBytes),
    bytesOrNone(one.limitBytes),
    one.bytesPerMinute === null ? NONE : formatRate(one.bytesPerMinute),
    secondsOrNone(one.secondsToLimit),
  ]);
  const drawn = table(columns, rows, style);
  return [drawn.head, ...drawn.rows.flatMap((row, place) => [row, ...detailLines(sorted[place], style)])];
}

function detailLines(one: SeriesTrend | undefined, style: Style): string[] {
  if (!one) return [];
  const { bytesPerMinute, bytesPerMinuteInterval, warmUpSeconds, reason } = one;
  const interval =
    bytesPerMinute === null || bytesPerMinuteInterval === null || one.verdict === 'settled'
      ? ''
      : ` With 95 %: ${formatInterval(bytesPerMinuteInterval, rateUnit(bytesPerMinute))} ${rateUnit(bytesPerMinute).name === 'h' ? 'an hour' : 'a minute'}.`;
  const warmUp = warmUpSeconds > 0 ? ` The first ${formatSeconds(warmUpSeconds)} were warm-up.` : '';
  return hanging(REASON_INDENT, `${reason}${interval}${warmUp}`, style.width).map((line) =>
    one.verdict === 'settled' ? style.theme.faint(line) : line,
  );
}

function summaryLines({ series }: RecordingTrends, style: Style): string[] {
  const growing = series.filter(({ verdict }) => verdict === 'growing');
  const unknown = series.filter(({ verdict }) => verdict === 'not-enough');
  const withManager = hasSeveralManagers(series.map(({ column }) => column));
  const names = (some: SeriesTrend[]): string =>
    some.map(({ column }) => printable(seriesName(column, withManager))).join(', ');
  if (growing.length > 0) {
    return hanging('  ', `Growing: ${names(growing)}. Who holds it: \`memtool leaks\` while it runs.`, style.width);
  }
  if (unknown.length > 0)
    return hanging('  ', `Nothing is known to grow; not yet to be told: ${names(unknown)}.`, style.width);
  return ['  Nothing grows.'];
}

function differenceLines(differences: SeriesDifference[], style: Style): string[] {
  const withManager = hasSeveralManagers(differences.map(({ column }) => column));
  const columns: Column[] = [
    { head: 'DIFFERENCE' },
    { head: 'SERIES', shrinkTo: 10 },
    { head: 'BASELINE', align: 'right' },
    { head: 'CURRENT', align: 'right' },
    { head: 'CHANGE', align: 'right' },
    { head: 'WITH 95 %', align: 'right', drop: 2 },
    { head: 'TREND', align: 'right', drop: 1 },
  ];
  const rows = differences.map((one): Cell[] => [
    {
      text: one.isFaster && one.verdict !== 'higher' ? 'faster' : verdictText(one.verdict),
      paint: differencePaint(style.theme, one),
    },
    seriesName(one.column, withManager),
    bytesOrNone(one.baselineBytes),
    bytesOrNone(one.currentBytes),
    one.changeBytes === null ? NONE : formatChange(Math.round(one.changeBytes)),
    one.changeInterval === null ? NONE : one.changeInterval.map((end) => formatChange(Math.round(end))).join(' to '),
    one.bytesPerMinuteChange === null ? NONE : formatRate(one.bytesPerMinuteChange),
  ]);
  const drawn = table(columns, rows, style);
  return [
    `  ${style.theme.strong('Current against baseline, after warm-up')}`,
    '',
    drawn.head,
    ...drawn.rows.flatMap((row, place) => [
      row,
      ...hanging(REASON_INDENT, differences[place]?.reason ?? '', style.width).map(style.theme.faint),
    ]),
  ];
}

function verdictText(verdict: SeriesVerdict | DifferenceVerdict): string {
  return verdict === 'not-enough' ? 'not enough' : verdict;
}

function verdictPaint(theme: Theme, verdict: SeriesVerdict): Paint {
  return { growing: theme.critical, 'not-enough': theme.warning, shrinking: theme.good, settled: theme.good }[verdict];
}

function differencePaint(theme: Theme, { verdict, isFaster }: SeriesDifference): Paint {
  if (isFaster) return theme.critical;
  return { higher: theme.critical, lower: theme.good, same: theme.faint, 'not-enough': theme.warning }[verdict];
}

function shortTime(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC');
}
