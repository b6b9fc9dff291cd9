import { expect, test } from 'vitest';
import { warningsOf } from '../../src/commands/container-pressure.ts';

const MIB = 1024 ** 2;
const CALM = {
  name: 'memory',
  usedBytes: 100 * MIB,
  limitBytes: 512 * MIB,
  reclaimableBytes: 0,
  oomKills: 0,
  stallPercent: 0,
};

test('a heap limit that the container cannot hold is warned of, with the flag to start with', () => {
  const [warning, ...others] = warningsOf(CALM, 4096 * MIB);
  expect(warning).toMatch(/may grow to 4\.0 GiB, but the container holds only 512\.0 MiB.*--max-old-space-size=384/);
  expect(others).toEqual([]);
});

test('a container that is well says nothing', () => {
  expect(warningsOf(CALM, 256 * MIB)).toEqual([]);
  expect(warningsOf({ ...CALM, stallPercent: null }, null)).toEqual([]);
});

test('kills and waiting for memory are told', () => {
  expect(warningsOf({ ...CALM, oomKills: 2, stallPercent: 34.5 }, null)).toEqual([
    expect.stringContaining('2 times'),
    expect.stringContaining('34.5 %'),
  ]);
});
