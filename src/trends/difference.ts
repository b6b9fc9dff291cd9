import type { SeriesDifference } from './trend-report.ts';
import { rankSum } from '../statistics/rank-sum.ts';
import { median } from '../statistics/quantile.ts';
import { GAIN_BYTES_MIN } from '../statistics/trend.ts';
import { formatBytes, formatChange, formatPercent } from '../units.ts';
import type { JudgedRecording, JudgedSeries } from './trends.ts';

/** Of the rank sum test; a dozen series are compared. */
const SIGNIFICANT_P = 0.004;

/** The current recording against the baseline, series by series, of what both have. */
export function differencesOf(baseline: JudgedRecording, current: JudgedRecording): SeriesDifference[] {
  return baseline.series.flatMap((before) => {
    const after = current.series.find(({ kind }) => kind.column === before.kind.column);
    return after ? [difference(before, after)] : [];
  });
}

/** By the windows that were judged, after warm-up: what one process does twice differs by less than what its windows do. */
function difference(before: JudgedSeries, after: JudgedSeries): SeriesDifference {
  const { column } = before.kind;
  const baseline = before.trend.fit;
  const current = after.trend.fit;
  if (!baseline || !current) {
    const reason = `The ${baseline ? 'current recording' : 'baseline'} is too short to compare.`;
    return {
      column,
      verdict: 'not-enough',
      reason,
      baselineBytes: before.report.levelBytes,
      currentBytes: after.report.levelBytes,
      changeBytes: null,
      changeInterval: null,
      p: null,
      bytesPerMinuteChange: null,
      isFaster: false,
    };
  }
  const factor = Math.max(baseline.varianceFactor, current.varianceFactor);
  const { shift, low, high, p } = rankSum(baseline.windows.values, current.windows.values, factor);
  const level = median(baseline.windows.values);
  const isBeyondNoise =
    p <= SIGNIFICANT_P &&
    low * high > 0 &&
    Math.abs(shift) >= Math.max(GAIN_BYTES_MIN, before.kind.gainShareMin * level);
  const isFaster = after.report.verdict === 'growing' && current.low > baseline.high;
  const grows = before.report.verdict === 'growing' || after.report.verdict === 'growing';
  return {
    column,
    verdict: isBeyondNoise ? (shift > 0 ? 'higher' : 'lower') : 'same',
    reason: [
      isBeyondNoise
        ? `${level > 0 ? `${formatPercent((Math.abs(shift) / level) * 100)} ` : ''}${shift > 0 ? 'more' : 'less'} than before, beyond what varies within the recordings.`
        : `${formatChange(shift)} is within what varies in the recordings, or too little to matter.`,
      ...(isFaster ? [`It grows faster, by ${formatBytes(current.slope - baseline.slope)} a minute.`] : []),
      ...(grows ? ['Of what grows, the level depends on how long was recorded.'] : []),
    ].join(' '),
    baselineBytes: level,
    currentBytes: median(current.windows.values),
    changeBytes: shift,
    changeInterval: [low, high],
    p,
    bytesPerMinuteChange: current.slope - baseline.slope,
    isFaster,
  };
}
