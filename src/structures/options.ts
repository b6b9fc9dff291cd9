import { MemtoolError } from '../errors.ts';

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` unless it is a whole number from `min` to `max` */
export function countOption(value: number, option: string, min: number, max: number = 2 ** 31 - 1): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${option} is ${String(value)}.`, {
    hint: `Give a whole number from ${min} to ${max}.`,
  });
}
