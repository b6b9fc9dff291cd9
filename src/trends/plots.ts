import type { SeriesVerdict } from './trend-report.ts';
import type { PlotData, PlotRun } from './plot-data.ts';
import type { JudgedRecording, JudgedSeries } from './trends.ts';

/** More points than a screen has columns; a day of seconds is then one point in 72 s, with its least and its most. */
const BUCKETS_MAX = 1200;

/** What the page draws: every series that one of the recordings has, all over the same times. */
export function plotsOf(judged: readonly JudgedRecording[]): PlotData[] {
  const columns = [...new Set(judged.flatMap(({ series }) => series.map(({ kind }) => kind.column)))];
  const end = Math.max(...judged.flatMap(({ series }) => series.map((one) => one.series.minutes.at(-1) ?? 0)));
  const longest = Math.max(...judged.flatMap(({ series }) => series.map((one) => one.series.values.length)));
  const count = Math.min(BUCKETS_MAX, Math.max(2, longest));
  const times = Array.from({ length: count }, (_, index) => round(((index + 0.5) * end * 60) / count));
  return columns.map((column) => {
    const found = judged.map(({ series }) => series.find(({ kind }) => kind.column === column));
    const verdict = found.at(-1)?.report.verdict ?? found[0]?.report.verdict;
    return {
      column,
      verdict: verdict ?? ('not-enough' satisfies SeriesVerdict),
      times,
      limitBytes: found.at(-1)?.report.limitBytes ?? null,
      runs: found.map((one) => (one ? runOf(one, count, end) : null)),
    };
  });
}

function runOf({ series, trend }: JudgedSeries, count: number, endMinute: number): PlotRun {
  const least: (number | null)[] = Array.from({ length: count }, () => null);
  const most = [...least];
  const windows = [...least];
  const line = [...least];
  const place = (minute: number): number => Math.min(count - 1, Math.floor((minute / endMinute) * count));
  for (const [index, minute] of series.minutes.entries()) {
    const at = place(minute);
    const value = series.values[index] ?? 0;
    least[at] = Math.min(least[at] ?? Infinity, value);
    most[at] = Math.max(most[at] ?? -Infinity, value);
  }
  const { fit } = trend;
  if (fit) {
    const { minutes, values } = fit.windows;
    for (const [index, minute] of minutes.entries()) windows[place(minute)] = values[index] ?? null;
    for (const minute of [minutes[0] ?? 0, minutes.at(-1) ?? 0]) {
      line[place(minute)] = Math.round(fit.intercept + fit.slope * minute);
    }
  }
  const { warmUpMinute } = trend;
  return { least, most, windows, line, warmUpSeconds: warmUpMinute === null ? null : round(warmUpMinute * 60) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
