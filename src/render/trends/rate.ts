import { formatBytes, formatChange } from '../../units.ts';

/** What is slow is told by the hour: both ends of an interval in the same unit. */
export interface RateUnit {
  minutes: number;
  name: string;
}

const MINUTE: RateUnit = { minutes: 1, name: 'min' };
const HOUR: RateUnit = { minutes: 60, name: 'h' };
const SLOW_BYTES_PER_MINUTE = 64 * 1024;

export function rateUnit(bytesPerMinute: number): RateUnit {
  return Math.abs(bytesPerMinute) < SLOW_BYTES_PER_MINUTE ? HOUR : MINUTE;
}

/** `+1.0 MiB/min` */
export function formatRate(bytesPerMinute: number, unit: RateUnit = rateUnit(bytesPerMinute)): string {
  return `${formatChange(Math.round(bytesPerMinute * unit.minutes))}/${unit.name}`;
}

/** `0.8 MiB to 1.1 MiB`, in the unit of the rate that it is of. */
export function formatInterval([low, high]: [number, number], unit: RateUnit): string {
  return `${formatBytes(Math.round(low * unit.minutes))} to ${formatBytes(Math.round(high * unit.minutes))}`;
}
