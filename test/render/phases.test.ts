import { expect, test } from 'vitest';
import type { PhaseStats, ProcessStats } from '../../src/report/stats.ts';
import { isFailure } from '../../src/report/document.ts';
import { phaseLines } from '../../src/render/phases.ts';
import { AT_80, STATS } from './sample.ts';

const PHASE: PhaseStats = {
  manager: 'orders-api',
  name: 'cascade refresh',
  runs: 3,
  running: 0,
  failures: 0,
  durationMs: 1500,
  longestMs: 90_000,
  notFreedBytes: 4096,
  notFreedMaxBytes: 4096,
  heapUsedBytes: [1, 2],
  pools: [
    { name: 'query', peakBytes: 0, notFreedBytes: 0 },
    { name: 'cache', peakBytes: 1024 ** 2, notFreedBytes: 4096 },
  ],
};

function withPhases(phases: PhaseStats[]): ProcessStats {
  const [found] = STATS.processes;
  if (!found || isFailure(found)) throw new Error('no sample');
  return { ...found, phases };
}

test('the longest first, with the pool whose peak was the largest', () => {
  const starting = { ...PHASE, name: 'start', runs: 0, running: 1, longestMs: 0, pools: [] };
  expect(phaseLines(withPhases([starting, PHASE]), AT_80).join('\n')).toMatchInlineSnapshot(`
    "  PHASE            RUNS  LAST  LONGEST   LARGEST PEAK  NOT FREED
      cascade refresh     3    2s   1m 30s  cache 1.0 MiB   +4.0 KiB
      start               0     -        -              -          -"
  `);
});

test('none, and more than are shown', () => {
  expect(phaseLines(withPhases([]), AT_80)).toEqual([]);
  const many = Array.from({ length: 14 }, (_, index) => ({ ...PHASE, name: `p${index}` }));
  expect(phaseLines(withPhases(many), AT_80).at(-1)).toBe('  and 4 more: `memtool stats --json`');
});
