import { expect, test } from 'vitest';
import type { AlertsReport } from '../../src/report/alerts.ts';
import { freshDirectory, json, memtool } from './memtool.ts';

test('memtool alerts prints a rule file', async () => {
  const { stdout, stderr, exitCode } = await memtool(['alerts'], freshDirectory());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  expect(stdout).toMatch(/^# Alert rules .*\ngroups:\n {2}- name: memtool\n {4}rules:\n/);
  expect(stdout).toContain(`
      - alert: MemtoolLeak
        expr: '(memtool_leak_bytes{verdict="leak"} > 0) * on (job, instance, pid) group_left (name) memtool_info'
        for: 1m
        labels:
          severity: "warning"
`);
});

test('--json prints the same rules as one object', async () => {
  const outcome = await memtool(['alerts', '--json'], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  const { schemaVersion, command, processes, groups } = json<AlertsReport>(outcome);
  expect({ schemaVersion, command, processes }).toEqual({ schemaVersion: 1, command: 'alerts', processes: [] });
  expect(groups.map(({ name }) => name)).toEqual(['memtool']);
  expect(groups[0]?.rules).toContainEqual({
    alert: 'MemtoolPoolNearLimit',
    expr: '(memtool_pool_used_bytes / memtool_pool_limit_bytes >= 0.8) * on (job, instance, pid) group_left (name) memtool_info',
    for: '5m',
    labels: { severity: 'warning' },
    annotations: { summary: expect.stringContaining('Pool'), description: expect.stringContaining('`memtool stats') },
  });
});

test('it takes no target', async () => {
  const { exitCode } = await memtool(['alerts', 'orders'], freshDirectory());
  expect(exitCode).toBe(2);
});
