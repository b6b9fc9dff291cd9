import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { table, tableText, type Cell, type Column } from '../../src/render/table.ts';
import { textWidth } from '../../src/render/text.ts';
import { AT_80 } from './sample.ts';

const COLUMNS: Column[] = [
  { head: 'NAME', shrinkTo: 6 },
  { head: 'USAGE' },
  { head: 'USED', align: 'right', drop: 2 },
  { head: 'LIMIT', align: 'right', drop: 1 },
];

const row = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('a', '-', 'é', 'e\u0301', '日', '한', '😀'), maxLength: 40 }),
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.nat(),
    fc.nat(),
  )
  .map(([name, percent, used, limit]): Cell[] => [
    name,
    { usage: { percent, level: 'normal' } },
    String(used),
    String(limit),
  ]);

test('no line is wider than the terminal, down to 30 columns, and every row has one line', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ min: 30, max: 200 }), (rows, width) => {
      const lines = tableText(table(COLUMNS, rows, { ...AT_80, width }));
      expect(lines).toHaveLength(rows.length + 1);
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
    }),
  );
});

test('names are cut before columns go, and the most dispensable column goes first', () => {
  const rows: Cell[][] = [['a-rather-long-name', { usage: { percent: 50, level: 'normal' } }, '1234567', '89']];
  const at = (width: number): string[] => tableText(table(COLUMNS, rows, { ...AT_80, width }));
  expect(at(60)[1]).toMatch(/^ {2}a-rather-long-name {2}█+░+ {2}50\.0 % {2}1234567 {5}89$/);
  expect(at(45)[1]).toMatch(/^ {2}a-rather.*… {2}███░░ {2}50\.0 % {2}1234567 {5}89$/);
  expect(at(32)).toEqual([expect.stringContaining('LIMIT'), expect.not.stringContaining('1234567')]);
  expect(at(26)).toEqual([
    expect.not.stringContaining('LIMIT'),
    expect.stringMatching(/^ {2}a-.*… {2}███░░ {2}50\.0 %$/),
  ]);
});

test('when no column is left to leave out, bars go and names are cut until it fits', () => {
  const columns: Column[] = [{ head: 'NAME', shrinkTo: 14 }, { head: 'USAGE' }, { head: 'USED', align: 'right' }];
  const rows: Cell[][] = [['a-rather-long-name', { usage: { percent: 50, level: 'normal' } }, '1234567']];
  const lines = tableText(table(columns, rows, { ...AT_80, width: 30 }));
  expect(lines[1]).toBe('  a-rather…    50.0 %  1234567');
});
