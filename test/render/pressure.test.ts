import { expect, test } from 'vitest';
import { renderPressure } from '../../src/render/pressure.ts';
import type { PressureReport, Resource } from '../../src/report/pressure.ts';
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
  expect(text).toContain(
    'Nothing has reached its threshold yet; at its present growth pool temp is full first, in 10m.',
  );
});

function nearLimit(resources: Resource[], scopesNearLimit: number): PressureReport {
  return { ...PRESSURE, processes: [{ ...IDENTITY, level: 'warning', resources, scopesNearLimit }] };
}

test('scopes near their limits have their kind and name; of many the nearest, and how many more there are', () => {
  const query: Resource = {
    kind: 'scope',
    manager: 'orders-api',
    name: 'query q-0',
    usedBytes: 820,
    limitBytes: 1000,
    usedPercent: 82,
    level: 'warning',
    bytesPerMinute: null,
    secondsToLimit: null,
  };
  const scopes = Array.from({ length: 12 }, (_, index) => ({
    ...query,
    name: `query q-${index}`,
    usedPercent: 82 + index / 10,
  }));
  const pool: Resource = { ...query, kind: 'pool', name: 'cache', usedPercent: 1 };
  const text = renderPressure(nearLimit([...scopes, pool], 5000), AT_80);
  expect(text).toMatch(
    /\n {2}query q-11 .*83\.1 %[^]*\n {2}query q-2 .*\n {2}pool cache .*\n {2}and 4990 more scopes near their limits\n/,
  );
  expect(text).not.toContain('query q-1 ');
  expect(text).toContain('Query q-11 is at 83.1 % of its limit.');
  expect(renderPressure(nearLimit(scopes, 11), AT_80)).toContain('and 1 more scope near its limit\n');
  expect(renderPressure(nearLimit(scopes.slice(0, 3), 3), AT_80)).not.toContain('more scope');
});

test('nothing to measure', () => {
  const report = { ...PRESSURE, processes: [{ ...IDENTITY, level: 'normal' as const, resources: [] }] };
  expect(renderPressure(report, AT_80)).toContain('Nothing to measure: no pools and no limits are known.');
});

test('with several managers the gravest is named with its manager, even where another has less room', () => {
  const resource = {
    kind: 'pool' as const,
    usedBytes: 80,
    limitBytes: 100,
    bytesPerMinute: null,
    secondsToLimit: null,
  };
  const resources = [
    { ...resource, manager: 'alpha', name: 'query', usedPercent: 87, level: 'warning' as const },
    { ...resource, manager: 'beta', name: 'temp', usedPercent: 76, level: 'critical' as const },
  ];
  const report = { ...PRESSURE, processes: [{ ...IDENTITY, level: 'critical' as const, resources }] };
  expect(renderPressure(report, AT_80)).toContain('Pool beta / temp is at 76.0 % of its limit.');
});

function workerHeap(threadId: number, usedPercent: number): Resource {
  return {
    kind: 'heap',
    manager: null,
    name: `worker ${threadId} (importer)`,
    threadId,
    usedBytes: usedPercent * 1024 * 1024,
    limitBytes: 100 * 1024 * 1024,
    usedPercent,
    level: usedPercent >= 80 ? 'warning' : 'normal',
    bytesPerMinute: null,
    secondsToLimit: null,
  };
}

test('of many worker threads those near their limit are shown and a few of the others', () => {
  const resources = [90, 85, ...Array.from({ length: 20 }, (_, index) => index)].map((percent, index) =>
    workerHeap(index + 1, percent),
  );
  const report: PressureReport = {
    ...PRESSURE,
    level: 'warning',
    processes: [{ ...IDENTITY, level: 'warning', resources }],
  };
  expect(renderPressure(report, AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s  warning

      RESOURCE              USAGE               USED      LIMIT  PER MINUTE  FULL IN
      worker 1 (importer)   █████░  90.0 %  90.0 MiB  100.0 MiB           -        -
      worker 2 (importer)   █████░  85.0 %  85.0 MiB  100.0 MiB           -        -
      worker 22 (importer)  █░░░░░  19.0 %  19.0 MiB  100.0 MiB           -        -
      worker 21 (importer)  █░░░░░  18.0 %  18.0 MiB  100.0 MiB           -        -
      worker 20 (importer)  █░░░░░  17.0 %  17.0 MiB  100.0 MiB           -        -
      worker 19 (importer)  █░░░░░  16.0 %  16.0 MiB  100.0 MiB           -        -
      worker 18 (importer)  █░░░░░  15.0 %  15.0 MiB  100.0 MiB           -        -
      worker 17 (importer)  █░░░░░  14.0 %  14.0 MiB  100.0 MiB           -        -
      worker 16 (importer)  █░░░░░  13.0 %  13.0 MiB  100.0 MiB           -        -
      worker 15 (importer)  █░░░░░  12.0 %  12.0 MiB  100.0 MiB           -        -
      and the heaps of more workers, none near its limit: \`memtool pressure --json\`

      The heap of worker 1 (importer) is at 90.0 % of its limit.
      At its limit Node.js ends the worker with ERR_WORKER_OUT_OF_MEMORY. The limit
      is the maxOldGenerationSizeMb of its resourceLimits, else that of the process."
  `);
});
