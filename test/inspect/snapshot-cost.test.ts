import { expect, test } from 'vitest';
import { checkRoom, predictCost } from '../../src/inspect/snapshot-cost.ts';

const MIB = 1024 ** 2;
const ROOM = { freeBytes: 64 * 1024 * MIB, heapLimitBytes: 4096 * MIB, pauseSecondsMax: undefined };

test('is refused where memory or patience are short, and the heap too near its limit', () => {
  const cost = predictCost(100 * MIB);
  expect(() => checkRoom(cost, ROOM)).not.toThrow();
  expect(() => checkRoom(cost, { ...ROOM, freeBytes: 1024 * MIB })).toThrow(/1\.0 GiB are free/);
  expect(() => checkRoom(cost, { ...ROOM, heapLimitBytes: 105 * MIB })).toThrow(/5\.0 MiB left to its limit/);
  expect(() => checkRoom(cost, { ...ROOM, pauseSecondsMax: 5 })).toThrow(/may stop the process for 15s/);
  expect(() => checkRoom(cost, { freeBytes: undefined, heapLimitBytes: null, pauseSecondsMax: 20 })).not.toThrow();
});

test('over 1 GiB only when the pause is allowed', () => {
  const cost = predictCost(1100 * MIB);
  expect(() => checkRoom(cost, ROOM)).toThrow(expect.objectContaining({ code: 'MEMTOOL_NO_ROOM' }));
  expect(() => checkRoom(cost, { ...ROOM, pauseSecondsMax: 600 })).not.toThrow();
});
