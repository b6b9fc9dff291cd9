import { getHeapStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { OwnGarbage } from '../../src/agent/own-garbage.ts';

const MIB = 1024 * 1024;

function leaveBehind(objects: number): number {
  return Array.from({ length: objects }, (_, id) => ({ id, text: `garbage ${id}` })).length;
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}

test('what was left behind is collected once it is much, and not before', () => {
  const garbage = new OwnGarbage();
  garbage.collectIfMuch();
  expect(leaveBehind(300_000)).toBe(300_000);
  const much = usedBytes();
  garbage.collectIfMuch();
  expect(usedBytes()).toBeLessThan(much - 10 * MIB);

  const little = usedBytes();
  garbage.collectIfMuch();
  expect(usedBytes()).toBeGreaterThan(little - MIB / 4);
});
