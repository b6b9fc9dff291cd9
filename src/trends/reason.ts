import { MINUTES_MIN, SAMPLES_MIN, gainOf, type Trend } from '../statistics/trend.ts';
import { median } from '../statistics/quantile.ts';
import { formatBytes, formatChange, formatPercent, formatSeconds } from '../units.ts';

/** Why a series has its verdict, as a sentence with the figures that it rests on. */
export function reasonOf(trend: Trend, samples: number, minutes: number): string {
  const { fit, cause, collections, swing } = trend;
  if (!fit) {
    return `${samples} samples in ${lasting(minutes)} are too few: at least ${SAMPLES_MIN} in ${MINUTES_MIN} minutes are needed.`;
  }
  const gain = gainOf(fit);
  const judged = (fit.windows.minutes.at(-1) ?? 0) - (fit.windows.minutes[0] ?? 0);
  const moves = gain < 0 ? 'falls' : 'rises';
  const moved = `${formatChange(gain)} in ${lasting(judged)}`;
  switch (cause) {
    case 'short':
      return `Too little is left to judge.`;
    case 'steady':
      return `${collections === null || collections === 0 ? 'It' : `What ${collections} full collections left`} ${moves} steadily: ${moved}, ${chance(fit.p)}.`;
    case 'noise':
      if (fit.low === 0 && fit.high === 0 && gain === 0) return 'It does not change.';
      return `No trend: what there is (${moved}) is within what chance does (p = ${rounded(fit.p)}).`;
    case 'slight':
      return `It ${moves} by ${formatPercent((Math.abs(gain) / median(fit.windows.values)) * 100)} in ${lasting(judged)}, too little to matter.`;
    case 'swings':
      return trend.verdict === 'settled'
        ? `It goes up and down by ${formatBytes(swing)}, more than it has moved (${moved}).`
        : `It ${moves} (${moved}), but ${gain < 0 ? 'rose' : 'fell'} back by ${formatBytes(swing)} in between: record for longer.`;
    case 'returns':
      return `It ${moves} (${moved}), and has been there before and come back: record for longer.`;
    case 'step':
      return `It moved in one step (${moved}) and hardly before or after: record for longer.`;
    case 'slowing':
      return `It ${moves} (${moved}), but ever more slowly, as what fills up does: record for longer.`;
    case 'uncollected':
      return `It ${moves} (${moved}), but ${
        collections === null || collections === 0
          ? 'no full collection was seen'
          : `only ${collections === 1 ? 'one full collection was' : `${collections} full collections were`} seen`
      }, and until one comes a heap rises in any case: record for longer.`;
  }
}

export function lasting(minutes: number): string {
  return formatSeconds(Math.round(minutes * 60));
}

function chance(p: number): string {
  return p < 0.0001
    ? 'and chance does that less than once in 10,000 times'
    : `which chance does once in ${Math.round(1 / p)} times`;
}

function rounded(p: number): string {
  return p.toFixed(p < 0.1 ? 3 : 2);
}
