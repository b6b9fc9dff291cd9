import { expect, test } from 'vitest';
import { renderPressure } from '../../src/render/pressure.ts';
import { AT_80, IDENTITY, PRESSURE } from './sample.ts';

test('80 columns: nearest to its limit first, then what that means', () => {
  expect(renderPressure(PRESSURE, AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s  critical

      RESOURCE         USAGE                    USED      LIMIT  PER MINUTE  FULL IN
      pool cache       █████████░  96.0 %   96.0 MiB  100.0 MiB    +2.0 MiB       2m
      heap             █░░░░░░░░░   0.3 %   12.0 MiB    4.0 GiB    -1.0 MiB        -
      observed duckdb            no limit  200.0 MiB          -           -        -

      Pool cache is at 96.0 % of its limit and full in 2m at its present growth.
      Who holds it: \`memtool leaks 4242 --age 0\`. Give back what nobody needs:
      \`memtool cleanup 4242\`."
  `);
});

test('50 columns', () => {
  expect(renderPressure(PRESSURE, { ...AT_80, width: 50 })).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s  critical

      RESOURCE         USAGE          USED  FULL IN
      pool cache         96.0 %   96.0 MiB       2m
      heap                0.3 %   12.0 MiB        -
      observed duckdb  no limit  200.0 MiB        -

      Pool cache is at 96.0 % of its limit and full in
      2m at its present growth.
      Who holds it: \`memtool leaks 4242 --age 0\`. Give
      back what nobody needs: \`memtool cleanup 4242\`."
  `);
});

test('nothing near its limit, and what will be first', () => {
  const resources = [
    {
      kind: 'pool' as const,
      manager: 'a',
      name: 'temp',
      usedBytes: 10,
      limitBytes: 100,
      usedPercent: 10,
      level: 'normal' as const,
      bytesPerMinute: 9,
      secondsToLimit: 600,
    },
    {
      kind: 'pool' as const,
      manager: 'a',
      name: 'query',
      usedBytes: 20,
      limitBytes: 100,
      usedPercent: 20,
      level: 'normal' as const,
      bytesPerMinute: 1,
      secondsToLimit: 4800,
    },
  ];
  const text = renderPressure(
    { ...PRESSURE, level: 'normal', processes: [{ ...IDENTITY, level: 'normal', resources }] },
    { ...AT_80, width: 120 },
  );
  expect(text).toContain('Nothing has reached its threshold yet; at its present growth temp is full first, in 10m.');
});

test('nothing to measure', () => {
  const report = { ...PRESSURE, processes: [{ ...IDENTITY, level: 'normal' as const, resources: [] }] };
  expect(renderPressure(report, AT_80)).toContain('Nothing to measure: no pools and no limits are known.');
});
