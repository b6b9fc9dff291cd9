import { expect, test } from 'vitest';
import { METRICS } from '../../src/metrics/table.ts';
import type { DashboardReport } from '../../src/report/dashboard.ts';
import { freshDirectory, json, memtool } from './memtool.ts';

interface Dashboard {
  title: string;
  uid: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: unknown }[] };
  panels: {
    id: number;
    type: string;
    title: string;
    description: string;
    gridPos: { x: number; y: number; w: number; h: number };
    datasource: { type: string; uid: string };
    targets: { refId: string; expr: string; legendFormat: string }[];
  }[];
}

async function printed(): Promise<Dashboard> {
  const { stdout, stderr, exitCode } = await memtool(['dashboard'], freshDirectory());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const dashboard: Dashboard = JSON.parse(stdout);
  return dashboard;
}

test('memtool dashboard prints what Grafana imports: variables for the data source, the process and the pool', async () => {
  const { title, uid, schemaVersion, templating } = await printed();
  expect({ title, uid, schemaVersion }).toEqual({ title: 'memtool', uid: 'memtool', schemaVersion: 38 });
  expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['name', 'query'],
    ['pool', 'query'],
  ]);
});

test('every panel asks for metrics that there are, of the chosen data source, and says what it shows', async () => {
  const { panels } = await printed();
  const known = new Set([...METRICS.map(({ name }) => name), 'memtool_up']);
  for (const { title, description, targets, datasource } of panels) {
    expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    expect(description, title).not.toBe('');
    expect(targets.length).toBeGreaterThan(0);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    for (const { expr } of targets) {
      expect(expr, title).toContain('{name=~"$name"}');
      for (const [name] of expr.matchAll(/\bmemtool_\w+/g)) expect(known, title).toContain(name);
    }
  }
  const titles = panels.map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  expect(titles).toEqual(
    expect.arrayContaining([
      'Pools against their limits',
      'Pressure',
      'Time to limit',
      'V8 heap',
      'Resident memory',
      'Leaks by verdict',
      'Refusals',
      'Scopes',
      'CPU',
    ]),
  );
});

test('panels lie side by side and do not overlap', async () => {
  const { panels } = await printed();
  const cells = new Set<string>();
  for (const { gridPos } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(cells.has(`${x},${y}`)).toBe(false);
        cells.add(`${x},${y}`);
      }
    }
  }
});

test('--json wraps it in the object that every command prints', async () => {
  const outcome = await memtool(['dashboard', '--json'], freshDirectory());
  expect(json<DashboardReport>(outcome)).toEqual({
    schemaVersion: 1,
    command: 'dashboard',
    processes: [],
    dashboard: await printed(),
  });
});
