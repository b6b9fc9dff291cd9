import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatPercent, formatSeconds, parseBytes, parseSeconds } from '../src/units.ts';

describe('parseBytes', () => {
  test.each([
    [1024, 1024],
    ['0', 0],
    ['50MB', 50_000_000],
    ['50 MiB', 52_428_800],
    ['50m', 52_428_800],
    ['1.5k', 1536],
    ['1.0001KiB', 1024],
    ['2gb', 2_000_000_000],
    ['7B', 7],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseBytes(text, 'limit')).toBe(bytes);
  });

  test.each(['', 'MB', '-1', '1e3', '5 XB', '1,5MB', NaN, Infinity, -1, 0.5, 2 ** 53, '9999999TiB'])(
    '%j is refused by name',
    (text) => {
      expect(() => parseBytes(text, 'limit')).toThrow(
        expect.objectContaining({ code: 'MEMTOOL_INVALID_OPTION', message: expect.stringContaining('limit') }),
      );
    },
  );
});

describe('parseSeconds', () => {
  test.each([
    ['300', 300],
    [300, 300],
    ['250ms', 0.25],
    ['90s', 90],
    ['1.5h', 5400],
    ['5m', 300],
    ['2d', 172_800],
    ['0', 0],
  ])('%j is %d seconds', (text, seconds) => {
    expect(parseSeconds(text, '--age')).toBe(seconds);
  });

  test.each(['', '-1', '5 m', '1w', '.5', '5M', 'Infinity', '1e3'])('%j is refused by name', (text) => {
    expect(() => parseSeconds(text, '--age')).toThrow(
      expect.objectContaining({ code: 'MEMTOOL_INVALID_OPTION', message: expect.stringContaining('--age') }),
    );
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [-1536, '-1.5 KiB'],
  [2 ** 53 - 1, '8.0 PiB'],
])('%d bytes are shown as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('no number of bytes is shown as 1024 or more of a unit that has a larger one', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => Number.parseFloat(formatBytes(bytes)) < 1024));
});

test.each([
  [0, '0s'],
  [0.25, '250ms'],
  [0.9999, '1s'],
  [59.6, '1m'],
  [312, '5m 12s'],
  [3600, '1h'],
  [90_061, '1d 1h'],
])('%d seconds are shown as %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('percentages have one decimal', () => {
  expect(formatPercent(82.345)).toBe('82.3 %');
});
