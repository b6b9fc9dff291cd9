import type { Verdict } from '../report/leaks.ts';
import { formatBytes, formatSeconds } from '../units.ts';

/** What is alive of one site, by birth. */
export interface Survivors {
  /** Oldest first; milliseconds since 1970. */
  births: { ms: number; bytes: number }[];
  /** The watch began then: what is older is not seen. */
  startedMs: number;
  nowMs: number;
  /** What became of the samples of an earlier reading that were not young then. */
  earlier?: Earlier;
}

export interface Earlier {
  ms: number;
  /** All that were alive then, the young ones too. */
  count: number;
  /** Oldest first. */
  samples: { ms: number; isKept: boolean }[];
}

export interface Judgement {
  verdict: Verdict;
  /** One sentence that a person can check. */
  reason: string;
  /** In how many epochs, of those the watch was divided into, something has survived that was born in them; `null` where that was not looked at. */
  generations: number | null;
  /** Growth by what was born and never freed; `null` when it cannot be told. */
  bytesPerMinute: number | null;
}

/** Fewer samples say nothing: the chance that they are all of one moment is not small. */
const SAMPLES_MIN = 6;
/** A leak is only called one with so many samples (their sampling error is then 29 %), of so many bytes, watched for so long. */
const LEAK_SAMPLES_MIN = 12;
const LEAK_BYTES_MIN = 1024 * 1024;
const LEAK_WATCH_MS_MIN = 15_000;
/** Four samples an epoch: one that is empty by chance is then rare (e^-4, 2 %). */
const SAMPLES_PER_EPOCH = 4;
const EPOCHS_MIN = 4;
const EPOCHS_MAX = 12;
/** Of the epochs, those that must have survivors. */
const COVERED_SHARE = 0.75;
/** Without a birth in this share of the watch, at its end, a site has stopped growing; at its beginning, its memory is a window that moves. */
const STILL_SHARE = 1 / 3;
const LATE_SHARE = 1 / 4;
/** So many samples that should have come and have not: by chance in 1 of 400 cases (e^-6). */
const QUIET_SAMPLES = 6;
/** Of what an earlier reading saw: with no more freed than this it counts as kept. */
const KEPT_SHARE = 0.1;
const EARLIER_SAMPLES_MIN = 4;
/** Of a queue: that go in the order in which they came; of the growth that the time would make. */
const IN_ORDER_SHARE = 0.9;
const QUEUE_FREED_SHARE_MAX = 0.5;
const LINEAR_SHARE = 0.85;
/** Births in the newer half of the epochs against the older half. */
const FADING_RATIO = 0.4;
const SLOWING_RATIO = 0.6;
const DECAYING_RATIO = 2.5;
/** Standard errors that a difference of two counts must be away from chance. */
const SIGNIFICANT = 2;

/**
 * Tells a leak from a cache by the ages of what is alive. A cache that is full has survivors of its filling and no younger
 * ones; one that turns over has only young ones; a leak has survivors of every age, in about equal numbers, and none of them
 * is ever freed. (Surviving generations, as in the NetBeans profiler; here with births instead of collections survived.)
 *
 * The samples are a Poisson process in bytes, so a count of n has the standard error of its square root.
 */
export function judge(survivors: Survivors): Judgement {
  const { births, startedMs, nowMs, earlier } = survivors;
  const bytes = bytesOf(births);
  const oldest = births[0]?.ms ?? nowMs;
  const youngest = births.at(-1)?.ms ?? nowMs;
  if (births.length < SAMPLES_MIN)
    return plain('undecided', `Too little to tell: ${formatBytes(bytes)}, in ${amount(births.length, 'sample')}.`);
  if (nowMs - youngest >= STILL_SHARE * (nowMs - startedMs))
    return plain(
      'cache',
      `It has stopped growing: filled within ${lasting(youngest - oldest)}, and nothing has been added for ${lasting(nowMs - youngest)}.`,
    );
  const fate = fateOf(earlier, nowMs);
  if (fate === undefined || fate.freedShare <= KEPT_SHARE) return judgeKept(survivors, fate);
  const queue = earlier && judgeQueue(survivors, earlier, fate);
  if (queue) return queue;
  // Some is freed. Of what is older than that reading nothing may be: then that part is by itself what grows.
  const turnedOver = plain('cache', `It is turned over: ${fate.text}.`);
  const old = fateOf(oldHalf(startedMs, earlier), nowMs);
  const part = births.filter(({ ms }) => ms <= fate.ms);
  if (old === undefined || old.freedShare > KEPT_SHARE || part.length < SAMPLES_MIN) return turnedOver;
  const judgement = judgeKept({ births: part, startedMs, nowMs: fate.ms }, old);
  const { verdict, reason } = judgement;
  if (verdict !== 'leak' && verdict !== 'suspect') return turnedOver;
  return {
    ...judgement,
    reason: `Of this, ${formatBytes(bytesOf(part))} is not turned over as the rest is: ${reason}`,
  };
}

/**
 * A queue that is filled faster than it is emptied. What is freed is always the oldest, was so before the earlier reading
 * already, and what is left has grown since about as the watch has: a cache of a fixed size does not.
 */
function judgeQueue({ births, startedMs, nowMs }: Survivors, earlier: Earlier, fate: Fate): Judgement | undefined {
  // Where most has gone meanwhile, what grows is only the number of those that pass through.
  if (fate.freedShare > QUEUE_FREED_SHARE_MAX) return undefined;
  const firstKept = earlier.samples.findIndex(({ isKept }) => isKept);
  const inOrder = earlier.samples.filter(({ isKept }, index) => isKept === index >= firstKept).length;
  if (firstKept === -1 || inOrder < IN_ORDER_SHARE * earlier.samples.length) return undefined;
  const grown = births.length / Math.max(1, earlier.count);
  const lasted = (nowMs - startedMs) / Math.max(1, earlier.ms - startedMs);
  if (grown < LINEAR_SHARE * lasted || births.length < LEAK_SAMPLES_MIN) return undefined;
  const oldestMs = earlier.samples[0]?.ms ?? startedMs;
  const missing = (earlier.count / Math.max(1, earlier.ms - oldestMs)) * (oldestMs - startedMs);
  if (missing < SAMPLES_PER_EPOCH) return undefined;
  const bytes = bytesOf(births);
  const bytesPerMinute = (bytes / (nowMs - startedMs)) * 60_000;
  return {
    verdict: bytes < LEAK_BYTES_MIN ? 'suspect' : 'leak',
    reason: `It is filled faster than it is emptied: +${formatBytes(bytesPerMinute)}/min for ${lasting(nowMs - startedMs)}, although the oldest go (${fate.text}).`,
    generations: null,
    bytesPerMinute,
  };
}

/** Of what nothing, or next to nothing, is known to have been freed. */
function judgeKept({ births, startedMs, nowMs }: Survivors, fate: Fate | undefined): Judgement {
  const watchedMs = Math.max(1, nowMs - startedMs);
  const bytes = bytesOf(births);
  const oldest = births[0]?.ms ?? nowMs;
  const isLate = oldest - startedMs > LATE_SHARE * watchedMs;
  const fromMs = isLate ? oldest : startedMs;
  const epochs = divide(births, fromMs, nowMs);
  const generations = epochs.filter((epoch) => epoch.count > 0).length;
  if (isLate && fate === undefined)
    return plain(
      'undecided',
      `All of it is younger than ${lasting(nowMs - oldest)}, of ${lasting(watchedMs)} watched: a window that moves, or growth that has begun then. Ask again to see which.`,
      generations,
    );
  if (generations < COVERED_SHARE * epochs.length)
    return plain(
      'undecided',
      `It came in bursts: only ${generations} of ${epochs.length} epochs have survivors. Ask again later.`,
      generations,
    );
  const quietMs = nowMs - (births.at(-1)?.ms ?? nowMs);
  if ((births.length * quietMs) / (nowMs - fromMs) > QUIET_SAMPLES)
    return plain('undecided', `Nothing has been added for ${lasting(quietMs)}. Ask again later.`, generations);
  // Where so many should have come before the first, it had not begun.
  const hasBegunLater = (births.length * (oldest - startedMs)) / watchedMs > QUIET_SAMPLES;
  const fading = trendOf(hasBegunLater ? divide(births, oldest, nowMs) : epochs);
  if (fading.newer < FADING_RATIO * fading.older && -fading.errors > SIGNIFICANT)
    return plain(
      'cache',
      `Its growth is fading: ${amount(fading.newer, 'sample')} in the newer half of the time, ${fading.older} in the older.`,
      generations,
    );
  const trend = trendOf(epochs);
  if (trend.newer > DECAYING_RATIO * trend.older && trend.errors > SIGNIFICANT && fate === undefined)
    return plain(
      'undecided',
      `Most of it is young: ${trend.newer} samples in the newer half of the watch, ${trend.older} in the older. Either much of it is freed, or it grows faster and faster. Ask again to see which.`,
      generations,
    );
  const growth = growthOf(epochs, (nowMs - fromMs) / epochs.length);
  const evidence = [
    `${generations} of ${epochs.length} epochs have survivors`,
    `${growth.text} for ${lasting(nowMs - fromMs)}`,
    ...(fate === undefined ? [] : [fate.text]),
  ].join(', ');
  const say = (verdict: Verdict, reason: string): Judgement => ({
    verdict,
    reason,
    generations,
    bytesPerMinute: growth.bytesPerMinute,
  });
  if (fading.newer < SLOWING_RATIO * fading.older && -fading.errors > 1.5 * SIGNIFICANT)
    return say('suspect', `It grows, but more and more slowly: ${evidence}.`);
  if (bytes < LEAK_BYTES_MIN)
    return plain('undecided', `It grows, but there is little of it yet: ${evidence}.`, generations);
  if (births.length < LEAK_SAMPLES_MIN) return say('suspect', `It grows, but has few samples yet: ${evidence}.`);
  if (nowMs - fromMs < LEAK_WATCH_MS_MIN)
    return say('suspect', `It grows, but has not been watched for long: ${evidence}.`);
  if (fate === undefined)
    return say('suspect', `It grows, but a cache that is being filled does too: ${evidence}. Ask again to see which.`);
  return say('leak', `${evidence}.`);
}

function plain(verdict: Verdict, reason: string, generations: number | null = null): Judgement {
  return { verdict, reason, generations, bytesPerMinute: null };
}

interface Epoch {
  count: number;
  bytes: number;
}

function divide(births: Survivors['births'], fromMs: number, toMs: number): Epoch[] {
  const number = Math.min(EPOCHS_MAX, Math.max(EPOCHS_MIN, Math.floor(births.length / SAMPLES_PER_EPOCH)));
  const epochs = Array.from({ length: number }, (): Epoch => ({ count: 0, bytes: 0 }));
  for (const { ms, bytes } of births) {
    const index = Math.floor(((ms - fromMs) / Math.max(1, toMs - fromMs)) * number);
    const epoch = epochs[Math.min(number - 1, Math.max(0, index))];
    if (!epoch) continue;
    epoch.count += 1;
    epoch.bytes += bytes;
  }
  return epochs;
}

/** The newest epoch is left out: in it is also what the program is just working with. */
function growthOf(epochs: readonly Epoch[], epochMs: number): { bytesPerMinute: number; text: string } {
  const past = epochs.slice(0, -1);
  const count = past.reduce((sum, epoch) => sum + epoch.count, 0);
  const bytes = past.reduce((sum, epoch) => sum + epoch.bytes, 0);
  const bytesPerMinute = (bytes / (past.length * epochMs)) * 60_000;
  // 95 % of a Poisson count: two standard errors to each side, on the square root, where they are 1/2.
  const root = Math.sqrt(Math.max(1, count));
  const low = bytesPerMinute * (Math.max(0, root - 1) / root) ** 2;
  const high = bytesPerMinute * ((root + 1) / root) ** 2;
  return {
    bytesPerMinute,
    text: `+${formatBytes(bytesPerMinute)}/min (${formatBytes(low)} to ${formatBytes(high)})`,
  };
}

function trendOf(epochs: readonly Epoch[]): { older: number; newer: number; errors: number } {
  const past = epochs.slice(0, -1);
  // An odd one in the middle belongs to neither half.
  const half = Math.floor(past.length / 2);
  const sum = (part: readonly Epoch[]): number => part.reduce((total, epoch) => total + epoch.count, 0);
  const older = sum(past.slice(0, half));
  const newer = sum(past.slice(-half));
  return { older, newer, errors: (newer - older) / Math.sqrt(Math.max(1, newer + older)) };
}

interface Fate {
  ms: number;
  freedShare: number;
  text: string;
}

function fateOf(earlier: Earlier | undefined, nowMs: number): Fate | undefined {
  if (earlier === undefined || earlier.samples.length < EARLIER_SAMPLES_MIN) return undefined;
  const freedShare = earlier.samples.filter(({ isKept }) => !isKept).length / earlier.samples.length;
  const since = `since ${lasting(nowMs - earlier.ms)} ago`;
  return {
    ms: earlier.ms,
    freedShare,
    text: freedShare === 0 ? `none freed ${since}` : `${percent(freedShare)} of what was there freed ${since}`,
  };
}

function oldHalf(startedMs: number, earlier: Earlier | undefined): Earlier | undefined {
  if (earlier === undefined) return undefined;
  const middle = (startedMs + earlier.ms) / 2;
  return { ...earlier, samples: earlier.samples.filter(({ ms }) => ms <= middle) };
}

function bytesOf(births: Survivors['births']): number {
  return births.reduce((sum, birth) => sum + birth.bytes, 0);
}

function amount(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

function percent(share: number): string {
  return `${Math.max(1, Math.round(share * 100))} %`;
}

function lasting(ms: number): string {
  return formatSeconds(Math.max(1, Math.round(ms / 1000)));
}
