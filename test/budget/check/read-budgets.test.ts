import { expect, test } from 'vitest';
import { readBudgets } from '../../../src/budget/check/read-budgets.ts';
import { MemtoolError } from '../../../src/errors.ts';

function failureOf(changes: object): MemtoolError {
  try {
    readBudgets(JSON.stringify({ memtoolBudget: 1, budgets: [{ metric: 'peakRss' }], ...changes }), 'b.json');
  } catch (error) {
    if (error instanceof MemtoolError) return error;
    throw error;
  }
  throw new Error('it was read');
}

test('everything that a file may have', () => {
  const text = JSON.stringify({
    memtoolBudget: 1,
    command: ['node', 'app.js', '{size}'],
    runs: 5,
    budgets: [
      { phase: 'refresh', size: '10K', metric: 'poolPeak', pool: 'query', limit: '1MB' },
      { name: 'all', size: 10, metric: 'endRss', baseline: { median: 7, mad: 1, runs: 5 } },
    ],
  });
  expect(readBudgets(text, 'b.json')).toMatchObject({
    command: ['node', 'app.js', '{size}'],
    runs: 5,
    rows: [
      { phase: 'refresh', size: '10K', metric: 'poolPeak', pool: 'query', limitBytes: 1e6, baseline: undefined },
      { name: 'all', size: '10', metric: 'endRss', baseline: { medianBytes: 7, madBytes: 1, runs: 5 } },
    ],
  });
});

test.each<[object, string]>([
  [{ memtoolBudget: 2 }, 'memtoolBudget is 2, which this memtool cannot read.'],
  [{ budgets: [] }, 'budgets is [], which is empty.'],
  [{ runs: 0 }, 'runs is 0, which is no count.'],
  [{ runs: 1000 }, 'runs is 1000, which is too often.'],
  [{ command: 'node app.js' }, 'command is "node app.js", which is no list.'],
  [{ command: [] }, 'command is [], which is empty.'],
  [{ budgets: [{}] }, 'budgets[0].metric is missing.'],
  [{ budgets: [{ metric: 'rss' }] }, 'budgets[0].metric is "rss", which is no metric.'],
  [{ budgets: [{ metric: 'peakRss', phase: 'a' }] }, 'budgets[0].metric is "peakRss", which is of the whole program.'],
  [{ budgets: [{ metric: 'poolPeak' }] }, 'budgets[0].pool is missing.'],
  [{ budgets: [{ metric: 'endRss', pool: 'a' }] }, 'budgets[0].pool is not for endRss.'],
  [
    { budgets: [{ metric: 'endRss', limit: '5 apples' }] },
    'budgets[0].limit is "5 apples", which is no number of bytes.',
  ],
  [{ budgets: [{ metric: 'endRss', limits: 5 }] }, 'budgets[0].limits is not known.'],
  [
    { budgets: [{ metric: 'endRss', baseline: { median: 1.5 } }] },
    'budgets[0].baseline.median is 1.5, which is no number of bytes.',
  ],
])('%j', (changes, message) => {
  expect(failureOf(changes)).toMatchObject({ code: 'MEMTOOL_BAD_BUDGET', message: `b.json: ${message}` });
});
