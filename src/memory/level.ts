import { LEVELS, type Level } from '../report/level.ts';

/** Shares of the limit, 0-1. */
export interface Thresholds {
  warning: number;
  critical: number;
}

export const DEFAULT_THRESHOLDS: Thresholds = { warning: 0.8, critical: 0.95 };

/** A level falls back only this far below its threshold, so that use around a threshold does not flap. */
const FALLBACK = 0.05;

function threshold(level: Level, thresholds: Thresholds): number {
  return level === 'normal' ? 0 : thresholds[level];
}

/** The share below which a level falls. Half of a threshold at least is left of it: an empty account is always `normal`. */
function fallThreshold(level: Level, thresholds: Thresholds): number {
  const share = threshold(level, thresholds);
  return Math.max(share - FALLBACK, share / 2);
}

/** The level at `usedBytes`, coming from `previous`. Without a limit, or with a limit of 0, it is `normal`. */
export function nextLevel(previous: Level, usedBytes: number, limitBytes: number, thresholds: Thresholds): Level {
  if (!(limitBytes > 0) || limitBytes === Infinity) return 'normal';
  const ratio = usedBytes / limitBytes;
  for (const level of ['critical', 'warning'] as const) {
    const wasThere = LEVELS.indexOf(previous) >= LEVELS.indexOf(level);
    if (ratio >= (wasThere ? fallThreshold : threshold)(level, thresholds)) return level;
  }
  return 'normal';
}

/** The most that may be used without rising above `level`, in whole bytes; `limitBytes` when there is nothing above. */
export function riseBytes(level: Level, limitBytes: number, thresholds: Thresholds): number {
  const next = LEVELS[LEVELS.indexOf(level) + 1];
  if (next === undefined || !(limitBytes > 0) || limitBytes === Infinity) return limitBytes;
  return Math.min(limitBytes, fewestBytes(limitBytes, threshold(next, thresholds)) - 1);
}

/** Below this many bytes the level falls; -1 at `normal`. */
export function fallBytes(level: Level, limitBytes: number, thresholds: Thresholds): number {
  return level === 'normal' ? -1 : fewestBytes(limitBytes, fallThreshold(level, thresholds));
}

/** The fewest whole bytes that are `share` of the limit as `nextLevel` divides them: the product may be rounded past them. */
function fewestBytes(limitBytes: number, share: number): number {
  const bytes = Math.ceil(limitBytes * share);
  if ((bytes - 1) / limitBytes >= share) return bytes - 1;
  return bytes / limitBytes < share ? bytes + 1 : bytes;
}

/** 0-100, unrounded; `null` without a limit. */
export function usedPercent(usedBytes: number, limitBytes: number): number | null {
  if (limitBytes === Infinity) return null;
  if (limitBytes === 0) return usedBytes > 0 ? 100 : 0;
  return (usedBytes / limitBytes) * 100;
}
