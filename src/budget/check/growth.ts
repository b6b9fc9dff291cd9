import { theilSen } from '../../statistics/theil-sen.ts';

export interface RssSample {
  seconds: number;
  bytes: number;
}

/** Less says nothing of a minute. */
const SECONDS_MIN = 10;
/** The start fills caches and compiles. */
const WARM_UP_SHARE = 0.3;
/** Of n points there are n * (n - 1) / 2 slopes. */
const POINTS_MAX = 200;

/**
 * Growth by the median of the slopes of all pairs (Theil 1950, Sen 1968), without the first third.
 *
 * @returns bytes a minute, or `undefined` when it was watched for under ten seconds
 */
export function growthPerMinute(samples: readonly RssSample[]): number | undefined {
  const first = samples[0]?.seconds ?? 0;
  const last = samples.at(-1)?.seconds ?? 0;
  if (last - first < SECONDS_MIN) return undefined;
  const warm = samples.filter(({ seconds }) => seconds >= first + (last - first) * WARM_UP_SHARE);
  const step = Math.ceil(warm.length / POINTS_MAX);
  const points = warm.filter((_, index) => index % step === 0);
  const { slope } = theilSen(
    points.map(({ seconds }) => seconds / 60),
    points.map(({ bytes }) => bytes),
    0,
  );
  return Number.isFinite(slope) ? Math.round(slope) : undefined;
}
