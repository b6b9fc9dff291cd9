import type { Level } from '../report/level.ts';
import { formatPercent } from '../units.ts';

/** How full something is. */
export interface Usage {
  /** `null` without a limit. */
  percent: number | null;
  level: Level;
}

export const BAR_WIDTH_MIN = 5;
export const BAR_WIDTH_MAX = 20;

/** Of ` 100.0 %`: what follows the bar. */
export const PERCENT_WIDTH = 8;

/** A bar and its percentage, right-aligned; only the percentage when the bar has no columns. */
export function usageText({ percent }: Usage, barWidth: number): string {
  const figure = percent === null ? 'no limit' : percentText(percent).padStart(PERCENT_WIDTH);
  return barWidth === 0 ? figure : `${percent === null ? ' '.repeat(barWidth) : bar(percent / 100, barWidth)}${figure}`;
}

/** What is planned may be many times its limit; the figure keeps its distance from the bar. */
function percentText(percent: number): string {
  if (percent > 9999) return '>9999 %';
  return percent >= 999.95 ? `${Math.round(percent)} %` : formatPercent(percent);
}

/** Something is shown for the smallest share, and a full bar only for all of it. */
export function bar(fraction: number, width: number): string {
  const rounded = Math.round(fraction * width);
  const filled = fraction >= 1 ? width : Math.min(width - 1, fraction > 0 ? Math.max(1, rounded) : 0);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
