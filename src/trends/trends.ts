import type { Recording } from '../recording/reader.ts';
import type { RecordingTrends, SeriesTrend } from './trend-report.ts';
import { median } from '../statistics/quantile.ts';
import { gainOf, trendOf, type Trend } from '../statistics/trend.ts';
import type { Series } from '../statistics/windows.ts';
import { longestLife, seriesOf, type Life } from './life.ts';
import { lasting, reasonOf } from './reason.ts';
import { seriesKinds, type SeriesKind } from './series-kind.ts';

/** Full collections of the main thread, cumulative. */
const FULL_COUNT = 'gcFullCount';
/** As wide as a sparkline may be. */
const SHAPE_POINTS = 24;
/** Of what a process gains, how much of it the heap must have gained to be its reason. */
const HEAP_SHARE_MIN = 0.5;

/** A series with all that was found of it; the drawings need more than the report says. */
export interface JudgedSeries {
  kind: SeriesKind;
  series: Series;
  trend: Trend;
  report: SeriesTrend;
}

export interface JudgedRecording {
  recording: Recording;
  life: Life;
  series: JudgedSeries[];
  report: RecordingTrends;
}

/** Judges each series of a recording by itself, and what holds the heap by the heap. */
export function judgeRecording(recording: Recording, file: string): JudgedRecording {
  const { header, samples, events } = recording;
  const life = longestLife(recording);
  const judged = seriesKinds(samples.names)
    .map((kind) => judgeSeries(recording, kind, life))
    .filter(({ series }) => series.values.length > 0);
  const heap = judged.find(({ kind }) => kind.column === 'heapUsed');
  for (const one of judged) if (heap && followsHeap(one, heap)) followHeap(one);
  const times = samples.timesMs;
  return {
    recording,
    life,
    series: judged,
    report: {
      file,
      name: header.name,
      pid: header.pid,
      nodeVersion: header.nodeVersion ?? null,
      startedAt: header.startedAt,
      intervalMs: header.intervalMs,
      durationSeconds: ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000,
      samples: samples.count,
      restarts: events.filter(({ event }) => event === 'restart').length,
      judgedFromSeconds: (times[life.first] ?? 0) / 1000,
      judgedToSeconds: (times[life.end - 1] ?? 0) / 1000,
      series: judged.map(({ report }) => report),
      warnings: warningsOf(recording),
    },
  };
}

function judgeSeries(recording: Recording, kind: SeriesKind, life: Life): JudgedSeries {
  const { places, ...series } = seriesOf(recording, kind.column, life);
  const counts = kind.reduction === 'floor' ? recording.samples.figures(FULL_COUNT) : undefined;
  const fullCounts = counts ? places.map((place) => counts[place] ?? NaN) : [];
  const trend = trendOf(series, { ...kind, fullCounts });
  const { fit } = trend;
  const last = series.values.at(-1) ?? null;
  const limit = kind.limitColumn === null ? null : lastKnown(recording.samples.figures(kind.limitColumn), life);
  const startMinute = series.minutes[0] ?? 0;
  const minutes = (series.minutes.at(-1) ?? 0) - startMinute;
  return {
    kind,
    series,
    trend,
    report: {
      column: kind.column,
      verdict: trend.verdict,
      reason: reasonOf(trend, series.values.length, minutes),
      bytesPerMinute: fit?.slope ?? null,
      bytesPerMinuteInterval: fit ? [fit.low, fit.high] : null,
      p: fit?.p ?? null,
      levelBytes: fit ? median(fit.windows.values) : null,
      lastBytes: last,
      peakBytes: series.values.reduce((most, value) => Math.max(most, value), 0),
      limitBytes: limit,
      secondsToLimit:
        trend.verdict === 'growing' && fit && limit !== null && last !== null
          ? (Math.max(0, limit - last) / fit.slope) * 60
          : null,
      warmUpSeconds: trend.warmUpMinute === null ? 0 : (trend.warmUpMinute - startMinute) * 60,
      collections: fullCounts.some((count) => !Number.isNaN(count)) ? trend.collections : null,
      shape: shapeOf(series),
    },
  };
}

/** What holds a heap that only waits for its next full collection waits with it. */
function followsHeap({ kind, trend }: JudgedSeries, heap: JudgedSeries): boolean {
  if (!kind.hasHeap || trend.verdict !== 'growing' || heap.trend.cause !== 'uncollected') return false;
  return !!trend.fit && !!heap.trend.fit && gainOf(heap.trend.fit) >= gainOf(trend.fit) * HEAP_SHARE_MIN;
}

function followHeap({ report }: JudgedSeries): void {
  report.verdict = 'not-enough';
  report.secondsToLimit = null;
  report.reason = 'It rises with the heap, which has not been collected often enough to judge: record for longer.';
}

function lastKnown(figures: Float64Array, { first, end }: Life): number | null {
  return figures.subarray(first, end).findLast((figure) => figure > 0) ?? null;
}

/** Medians of equal parts of the time. */
function shapeOf({ minutes, values }: Series): (number | null)[] {
  const start = minutes[0] ?? 0;
  const width = ((minutes.at(-1) ?? 0) - start) / SHAPE_POINTS || 1;
  const parts: number[][] = Array.from({ length: SHAPE_POINTS }, () => []);
  for (const [index, minute] of minutes.entries()) {
    parts[Math.min(SHAPE_POINTS - 1, Math.floor((minute - start) / width))]?.push(values[index] ?? 0);
  }
  return parts.map((part) => (part.length === 0 ? null : median(part)));
}

function warningsOf({ samples, events, isCut, brokenLines }: Recording): string[] {
  const gapMinutes = events.reduce(
    (sum, event) => (event.event === 'gap' ? sum + (event.untilT - event.t) / 60_000 : sum),
    0,
  );
  return [
    ...(isCut ? ['The last line was cut off; it was left out.'] : []),
    ...(brokenLines > 0
      ? [`${brokenLines} ${brokenLines === 1 ? 'line is' : 'lines are'} broken, and were left out.`]
      : []),
    ...(gapMinutes > 0 ? [`Nothing was recorded for ${lasting(gapMinutes)} in between.`] : []),
    ...(samples.keepEvery > 1 ? [`One sample of ${samples.keepEvery} was read: the recording is very long.`] : []),
  ];
}
