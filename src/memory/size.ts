import { MemtoolError } from '../errors.ts';

/** @throws MemtoolError `MEMTOOL_INVALID_SIZE` unless it is a whole number of bytes from 0 to 2^53 - 1. */
export function checkSize(bytes: number, what: string): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return;
  throw new MemtoolError('MEMTOOL_INVALID_SIZE', `${what} is ${String(bytes)}, which is no number of bytes.`, {
    hint: 'Give a whole number from 0 to 2^53 - 1; round fractions up with Math.ceil.',
  });
}

/** Histogram bucket of a size: 0 for 0, else its number of bits. */
export function sizeBucket(bytes: number): number {
  // A small integer is compared and counted without becoming a double: part of the hot path.
  return bytes < 0x40000000 ? 32 - Math.clz32(bytes) : largeBucket(bytes);
}

function largeBucket(bytes: number): number {
  return bytes <= 0xffffffff ? 32 - Math.clz32(bytes) : 64 - Math.clz32(bytes / 2 ** 32);
}
