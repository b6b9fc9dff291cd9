import { expect, test } from 'vitest';
import { sumRows } from '../../src/agent/cleanup-rows.ts';
import type { CleanupRow } from '../../src/report/cleanup.ts';

const ROW: CleanupRow = { manager: 'm', kind: 'lost', pool: 'cache', tag: 'rows', count: 1, bytes: 10 };

test('what differs in nothing but its figures is one row, the largest first', () => {
  const rows = [ROW, { ...ROW, count: 2, bytes: 5 }, { ...ROW, tag: null, bytes: 40 }, { ...ROW, manager: 'n' }];
  expect(sumRows(rows)).toEqual([
    { ...ROW, tag: null, bytes: 40 },
    { ...ROW, count: 3, bytes: 15 },
    { ...ROW, manager: 'n' },
  ]);
  // Not the caller's rows.
  expect(ROW).toMatchObject({ count: 1, bytes: 10 });
});

test.each([{ manager: 'n' }, { kind: 'stale' as const }, { pool: 'temp' }, { tag: 'x' }])(
  '%j is a row of its own',
  (other) => {
    expect(sumRows([ROW, { ...ROW, ...other }])).toHaveLength(2);
  },
);

test('the reason of the largest stands for the others', () => {
  expect(
    sumRows([
      { ...ROW, reason: 'small' },
      { ...ROW, bytes: 20, reason: 'large' },
    ]),
  ).toEqual([{ ...ROW, count: 2, bytes: 30, reason: 'large' }]);
});
