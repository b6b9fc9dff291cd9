import { fork, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { DemoEvent } from '../../src/demo/messages.ts';
import type { MetricsReport } from '../../src/report/metrics.ts';
import { environment, freshDirectory, memtool, nextOutput, start, startAgent } from '../commands/memtool.ts';
import { hasPrometheus, Prometheus, promtool, scratchDirectory } from './prometheus.ts';

const METERED = fileURLToPath(new URL('../fixtures/metered.js', import.meta.url));

/** The demo's service after it has worked: some of its queries have forgotten memory. */
async function startDemo(directory: string): Promise<ChildProcess> {
  const service = fork('dist/demo-service.js', { silent: true, env: environment(directory), execArgv: [] });
  onTestFinished(() => void service.kill('SIGKILL'));
  const event = (type: DemoEvent['type']): Promise<void> =>
    new Promise((resolve) => {
      service.on('message', (received: DemoEvent) => {
        if (received.type === type) resolve();
      });
    });
  await event('ready');
  const done = event('done');
  service.send({ type: 'load', seconds: 2 });
  await done;
  return service;
}

/** A service whose registry has memtool's metrics. @returns where it is scraped */
async function startMetered(directory: string): Promise<string> {
  const { child } = startFixture(directory);
  return `127.0.0.1:${(await nextOutput(child)).trim()}`;
}

function startFixture(directory: string): { child: ChildProcess } {
  const child = fork(METERED, { silent: true, env: environment(directory), execArgv: ['--expose-gc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child };
}

/** `memtool metrics --listen`. @returns where it is scraped */
async function serve(directory: string): Promise<string> {
  const { child } = start(['metrics', '--listen', '0', '--json', '--timeout', '2'], directory);
  const { url }: MetricsReport = JSON.parse(await nextOutput(child));
  return new URL(url ?? '').host;
}

/** The rules with their durations scaled down by about a hundred: 5m, 2m and 1m are 3, 2 and 1 seconds. */
async function quickRules(directory: string): Promise<string> {
  const { stdout } = await memtool(['alerts'], directory);
  const quick = stdout
    .replaceAll('for: 5m', 'for: 3s')
    .replaceAll('for: 2m', 'for: 2s')
    .replaceAll('for: 1m', 'for: 1s');
  expect(quick).not.toMatch(/for: \d+m/);
  const file = join(scratchDirectory(), 'rules.yml');
  writeFileSync(file, quick);
  return file;
}

interface GrafanaPanel {
  title: string;
  targets: { expr: string; legendFormat: string }[];
}

/** As Grafana puts its variables in when all is selected. */
function asGrafanaAsks(expression: string): string {
  return expression.replaceAll('$__rate_interval', '10s').replaceAll(/\$(name|pool)/g, '.*');
}

/** What has no series where no process has a limit of its own, a growth that is one, or a leak that was taken back. */
const MAY_BE_EMPTY = /container|observed_seconds|manager_seconds|heap_seconds|lost_released/;

test.skipIf(!hasPrometheus)(
  'a real Prometheus scrapes the demo through memtool metrics, and a service through its registry; the rules fire, and every panel has its series',
  { timeout: 180_000 },
  async () => {
    const directory = freshDirectory();
    const service = await startDemo(directory);
    const metered = await startMetered(directory);
    const silent = await startAgent('hung', directory, 'silent');
    const exporter = await serve(directory);
    const prometheus = await Prometheus.start({
      global: { scrape_interval: '3s', evaluation_interval: '1s' },
      rule_files: [await quickRules(directory)],
      scrape_configs: [
        { job_name: 'memtool', static_configs: [{ targets: [exporter] }] },
        { job_name: 'metered', static_configs: [{ targets: [metered] }] },
        { job_name: 'memtool-gone', static_configs: [{ targets: ['127.0.0.1:1'] }] },
      ],
    });

    const pool = { alertname: 'MemtoolPoolNearLimit', name: 'metered', pool: 'full' };
    const leak = { alertname: 'MemtoolLeak', name: 'memtool-demo', pid: String(service.pid) };
    const alerts = await prometheus.firing([
      // The same pool of the same process, by both ways.
      { ...pool, job: 'memtool' },
      { ...pool, job: 'metered' },
      { alertname: 'MemtoolPoolFillingUp', name: 'metered', pool: 'growing', job: 'memtool' },
      { alertname: 'MemtoolPoolFillingUp', name: 'metered', pool: 'growing', job: 'metered' },
      { ...leak, kind: 'lost' },
      { ...leak, kind: 'orphaned' },
      { alertname: 'MemtoolLeak', name: 'metered', kind: 'orphaned', job: 'metered' },
      { alertname: 'MemtoolLeakReleased', name: 'metered', pool: 'temp', job: 'memtool' },
      { alertname: 'MemtoolLeakReleased', name: 'metered', pool: 'temp', job: 'metered' },
      { alertname: 'MemtoolProcessSilent', pid: String(silent.pid) },
      { alertname: 'MemtoolTargetDown', instance: '127.0.0.1:1' },
    ]);
    for (const { labels, annotations } of alerts.slice(0, 2)) {
      expect(annotations['summary']).toBe('Pool full of metered is at 90% of its limit.');
      // By its pid where that is known, else by its name.
      const target = labels['pid'] ?? 'metered';
      expect(annotations['description']).toContain(`\`memtool stats ${target}\``);
    }
    expect(alerts[4]?.annotations['description']).toContain(`\`memtool leaks ${service.pid}\``);
    const all = await prometheus.alerts();
    expect(all.map(({ labels }) => labels['alertname'])).not.toContain('MemtoolHeapNearLimit');

    const { stdout } = await memtool(['dashboard'], directory);
    const { panels }: { panels: GrafanaPanel[] } = JSON.parse(stdout);
    expect(panels.length).toBeGreaterThan(10);
    const empty: string[] = [];
    for (const { targets } of panels) {
      for (const { expr, legendFormat } of targets) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, each an error of its own
        const series = await prometheus.query(asGrafanaAsks(expr));
        if (series.length === 0) empty.push(expr);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          if (label === 'pid' || label === undefined) continue;
          for (const { metric } of series) expect(metric, `${expr}: ${legendFormat}`).toHaveProperty(label);
        }
      }
    }
    expect(empty.filter((expression) => !MAY_BE_EMPTY.test(expression))).toEqual([]);

    // One of the names alone.
    const chosen = await prometheus.query(
      'memtool_level * on (job, instance, pid) group_left (name) memtool_info{name=~"metered"}',
    );
    expect(chosen.map(({ metric: { job, name } }) => `${job} ${name}`).toSorted()).toEqual([
      'memtool metered',
      'metered metered',
    ]);
  },
);

test.skipIf(!hasPrometheus)(
  'promtool finds nothing wrong with the text of any way out',
  { timeout: 120_000 },
  async () => {
    const directory = freshDirectory();
    await startDemo(directory);
    const metered = await startMetered(directory);
    const printed = await memtool(['metrics'], directory);
    expect(printed).toMatchObject({ exitCode: 0, stderr: '' });
    const served = await fetch(`http://${await serve(directory)}/metrics`);
    expect(served.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const registry = await fetch(`http://${metered}/metrics`);
    for (const text of [printed.stdout, await served.text(), await registry.text()]) {
      expect(promtool(['check', 'metrics'], text)).toBe('');
      expect(text).toContain('memtool_pool_used_bytes{');
    }
  },
);
