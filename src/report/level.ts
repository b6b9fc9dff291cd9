/** `normal` below 80 %, `warning` from 80 %, `critical` from 95 %; each falls back 5 points lower. */
export type Level = 'normal' | 'warning' | 'critical';

/** From the best to the worst; the ledger stores a level as its place here. */
export const LEVELS: readonly Level[] = ['normal', 'warning', 'critical'];

/** By the thresholds that apply where a program has set none. */
export function levelAt(percent: number): Level {
  if (percent >= 95) return 'critical';
  return percent >= 80 ? 'warning' : 'normal';
}

export function worstLevel(found: readonly { level: Level }[]): Level {
  return LEVELS.findLast((level) => found.some((one) => one.level === level)) ?? 'normal';
}
