import { expect, test } from 'vitest';
import type { CheckReport, CheckRow } from '../../src/report/check.ts';
import { renderCheckMarkdown } from '../../src/render/check-markdown.ts';
import { renderCheck } from '../../src/render/check.ts';
import { AT_80 } from './sample.ts';

const MIB = 1024 ** 2;

const ROW: CheckRow = {
  name: null,
  phase: 'cascade refresh',
  size: '10K',
  metric: 'poolPeak',
  pool: 'query',
  limitBytes: 20 * MIB,
  baseline: null,
  toleranceBytes: null,
  measuredBytes: 18 * MIB,
  madBytes: 0,
  runsBytes: [18 * MIB],
  status: 'ok',
};

const REPORT: CheckReport = {
  schemaVersion: 1,
  command: 'check',
  processes: [],
  file: 'memory-budget.json',
  program: ['node', 'bench.js'],
  runs: 3,
  updated: false,
  passed: false,
  rows: [
    ROW,
    { ...ROW, metric: 'notFreed', pool: null, limitBytes: 0, measuredBytes: 4096, status: 'over' },
    {
      ...ROW,
      phase: null,
      metric: 'peakRss',
      pool: null,
      limitBytes: 200 * MIB,
      measuredBytes: 120 * MIB,
      baseline: { medianBytes: 100 * MIB, madBytes: MIB, runs: 5 },
      toleranceBytes: 6 * MIB,
      status: 'above-baseline',
    },
    {
      ...ROW,
      phase: 'old|[name](x)',
      measuredBytes: null,
      status: 'missing',
      reason: 'no phase of that name has ended',
    },
  ],
};

test('80 columns', () => {
  expect(renderCheck(REPORT, AT_80)).toMatchInlineSnapshot(`
    "node bench.js  memory-budget.json  failed

      OPERATION        SIZE  METRIC            BUDGET   MEASURED  STATUS
      cascade refresh  10K   peak of query   20.0 MiB   18.0 MiB  ok
      cascade refresh  10K   not freed            0 B    4.0 KiB  over
      program          10K   peak RSS       200.0 MiB  120.0 MiB  above baseline
      old|[name](x)    10K   peak of query   20.0 MiB          -  not measured

      Each is the median of 3 runs.
      old|[name](x) (10K), peak of query: no phase of that name has ended.
      program (10K), peak RSS is 20.0 MiB above its baseline of 100.0 MiB; noise
      explains 6.0 MiB."
  `);
});

test('Markdown: names make no links and no columns', () => {
  expect(renderCheckMarkdown(REPORT)).toMatchInlineSnapshot(`
    "### Memory budgets: failed

    | operation | size | metric | budget | measured | to baseline | status |
    | --- | --- | --- | ---: | ---: | ---: | --- |
    | cascade refresh | 10K | peak of query | 20.0 MiB | 18.0 MiB | - | ok |
    | cascade refresh | 10K | not freed | 0 B | 4.0 KiB | - | over |
    | program | 10K | peak RSS | 200.0 MiB | 120.0 MiB | +20.0 MiB | above baseline |
    | old\\|\\[name\\]\\(x\\) | 10K | peak of query | 20.0 MiB | - | - | not measured |

    Each is the median of 3 runs.
    old\\|\\[name\\]\\(x\\) \\(10K\\), peak of query: no phase of that name has ended.
    program \\(10K\\), peak RSS is 20.0 MiB above its baseline of 100.0 MiB; noise explains 6.0 MiB.
    "
  `);
});
