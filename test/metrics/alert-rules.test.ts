import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertRules } from '../../src/metrics/alert-rules.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { renderAlerts } from '../../src/render/alerts.ts';
import { hasPrometheus, promtool, scratchDirectory } from './prometheus.ts';

const RULES = renderAlerts({
  schemaVersion: 1,
  command: 'alerts',
  processes: [],
  groups: [{ name: 'memtool', rules: alertRules() }],
});

interface Case {
  /** As `memtool metrics` serves it: with name and pid; as a registry does, without. */
  way: 'agent' | 'registry';
  series: Record<string, string>;
  /** When, and what fires then. */
  at: Record<string, Partial<Record<string, { labels: Record<string, string>; summary: string; description: RegExp }>>>;
}

/** What each kind of series has beside its own labels. */
const COMMON = {
  agent: { job: 'memtool', instance: 'host:9464', pid: '42', name: 'orders' },
  registry: { job: 'orders', instance: 'host:3000' },
};

function selector(name: string, labels: Record<string, string>): string {
  return `${name}{${Object.entries(labels)
    .map(([label, text]) => `${label}="${text}"`)
    .join(',')}}`;
}

/** A metric with labels of its own, and those that all series of a way have. */
function named(way: Case['way'], metric: string): string {
  const [name = '', own = ''] = metric.split('{');
  const labels = Object.fromEntries(
    [...own.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text ?? '']),
  );
  return selector(name, { ...COMMON[way], ...labels });
}

/** Runs the rules as they are printed, with their real durations, on series that promtool makes up. */
function run(name: string, { way, series, at }: Case): void {
  const directory = scratchDirectory();
  writeFileSync(join(directory, 'rules.yml'), RULES);
  const file = join(directory, 'test.yml');
  const info = named(way, `memtool_info{name="orders",node="v20",version="1"}`);
  writeFileSync(
    file,
    JSON.stringify({
      rule_files: ['rules.yml'],
      evaluation_interval: '15s',
      tests: [
        {
          name,
          interval: '15s',
          input_series: [
            { series: info, values: '1x400' },
            ...Object.entries(series).map(([metric, values]) => ({ series: named(way, metric), values })),
          ],
          alert_rule_test: Object.entries(at).flatMap(([time, alerts]) =>
            Object.entries(alerts).map(([alertname, expected]) => ({
              eval_time: time,
              alertname,
              exp_alerts: expected === undefined ? [] : [expectation(way, alertname, expected)],
            })),
          ),
        },
      ],
    }),
  );
  promtool(['test', 'rules', file]);
}

function expectation(
  way: Case['way'],
  alertname: string,
  { labels, summary, description }: { labels: Record<string, string>; summary: string; description: RegExp },
): object {
  const rule = alertRules().find(({ alert }) => alert === alertname);
  if (!rule) throw new Error(`There is no rule ${alertname}.`);
  const target = way === 'agent' ? '42' : 'orders';
  const told = rule.annotations.description
    .replaceAll('{{ or $labels.pid $labels.name }}', target)
    .replaceAll('{{ $labels.pid }}', target);
  expect(told).toMatch(description);
  return {
    exp_labels: { ...COMMON[way], name: 'orders', severity: 'warning', ...labels },
    exp_annotations: { summary, description: told },
  };
}

const FULL = {
  labels: { manager: 'orders', pool: 'cache' },
  summary: 'Pool cache of orders is at 80% of its limit.',
  description: /`memtool stats (42|orders)`.*`memtool leaks (42|orders)`/,
};
const CACHE = '{manager="orders",pool="cache"}';

describe.skipIf(!hasPrometheus)('the rules as they are printed', () => {
  test('promtool reads them', () => {
    const file = join(scratchDirectory(), 'rules.yml');
    writeFileSync(file, RULES);
    expect(promtool(['check', 'rules', file])).toMatch(/SUCCESS: 13 rules found/);
  });

  test.each(['agent', 'registry'] as const)(
    'by %s: a pool at 80 percent fires after five minutes, and not before',
    (way) => {
      const limit = { [`memtool_pool_limit_bytes${CACHE}`]: '1000x400' };
      run('80 %', {
        way,
        series: { [`memtool_pool_used_bytes${CACHE}`]: '800x400', ...limit },
        at: { '4m45s': { MemtoolPoolNearLimit: undefined }, '5m': { MemtoolPoolNearLimit: FULL } },
      });
      run('79.9 %', {
        way,
        series: { [`memtool_pool_used_bytes${CACHE}`]: '799x400', ...limit },
        at: { '30m': { MemtoolPoolNearLimit: undefined } },
      });
      run('below 80 % now and then', {
        way,
        // Sixteen samples are four minutes.
        series: { [`memtool_pool_used_bytes${CACHE}`]: '900x15 700 900x15 700 900x15 700', ...limit },
        at: { '12m': { MemtoolPoolNearLimit: undefined } },
      });
    },
  );

  test('a heap, a manager, an observed pool and a container at 80 % likewise', () => {
    const described = { labels: {}, description: /`memtool stats 42`/ };
    const cases = [
      ['process_heap', '', 'MemtoolHeapNearLimit', 'The V8 heap of orders'],
      ['container', '', 'MemtoolContainerNearLimit', 'The container of orders'],
      ['manager', '{manager="orders"}', 'MemtoolManagerNearLimit', 'Manager orders of orders'],
      ['observed', '{manager="orders",pool="duckdb"}', 'MemtoolObservedNearLimit', 'Observed pool duckdb of orders'],
    ] as const;
    for (const [metric, own, alert, subject] of cases) {
      const labels = Object.fromEntries([...own.matchAll(/(\w+)="(\w+)"/g)].map(([, label, text]) => [label, text]));
      run(alert, {
        way: 'agent',
        series: { [`memtool_${metric}_used_bytes${own}`]: '85x40', [`memtool_${metric}_limit_bytes${own}`]: '100x40' },
        at: {
          '4m': { [alert]: undefined },
          '6m': { [alert]: { ...described, labels, summary: `${subject} is at 85% of its limit.` } },
        },
      });
    }
  });

  test.each(['agent', 'registry'] as const)(
    'by %s: under an hour to the limit fires after two minutes, an hour does not',
    (way) => {
      run('59 minutes', {
        way,
        series: { [`memtool_pool_seconds_to_limit${CACHE}`]: '3540x40' },
        at: {
          '1m45s': { MemtoolPoolFillingUp: undefined },
          '2m': {
            MemtoolPoolFillingUp: {
              labels: FULL.labels,
              summary: 'Pool cache of orders will be full in 59m 0s.',
              description: /`memtool pressure (42|orders)`/,
            },
          },
        },
      });
      run('an hour', {
        way,
        series: {
          [`memtool_pool_seconds_to_limit${CACHE}`]: '3600x40',
          memtool_process_heap_seconds_to_limit: '9e9x40',
        },
        at: { '10m': { MemtoolPoolFillingUp: undefined, MemtoolHeapFillingUp: undefined } },
      });
      run('a growth that is none', {
        way,
        series: { [`memtool_pool_seconds_to_limit${CACHE}`]: '60x5 _x30' },
        at: { '10m': { MemtoolPoolFillingUp: undefined } },
      });
    },
  );

  test.each(['agent', 'registry'] as const)(
    'by %s: a verdict of a leak fires after a minute; a suspect, and no bytes, do not',
    (way) => {
      const orphaned = '{verdict="leak",kind="orphaned",source="pool"}';
      const labels = { verdict: 'leak', kind: 'orphaned', source: 'pool' };
      run('a leak', {
        way,
        series: { [`memtool_leak_bytes${orphaned}`]: '0x3 1048576x40' },
        at: {
          // The fifth sample, at one minute, is the first with bytes.
          '1m45s': { MemtoolLeak: undefined },
          '2m': {
            MemtoolLeak: {
              labels,
              summary: 'orders has leaked 1MiB (orphaned, pool).',
              description: /`memtool leaks (42|orders)`.*`memtool cleanup (42|orders)`/,
            },
          },
        },
      });
      run('none', {
        way,
        series: {
          [`memtool_leak_bytes${orphaned}`]: '0x40',
          'memtool_leak_bytes{verdict="suspect",kind="growing",source="heap"}': '5000x40',
        },
        at: { '10m': { MemtoolLeak: undefined } },
      });
      run('a leak that was given back', {
        way,
        series: { [`memtool_leak_bytes${orphaned}`]: '500x40 0x40' },
        at: { '15m': { MemtoolLeak: undefined } },
      });
    },
  );

  test('what was lost and taken back fires at once: cleanup does not hide a leak', () => {
    run('lost', {
      way: 'agent',
      series: { [`memtool_pool_lost_released_bytes_total${CACHE}`]: '0x8 1024x20 1024x100' },
      at: {
        '2m': { MemtoolLeakReleased: undefined },
        '3m': {
          MemtoolLeakReleased: {
            labels: FULL.labels,
            summary: 'Pool cache of orders took back 1kiB that were lost.',
            description: /`memtool leaks 42`/,
          },
        },
        '30m': { MemtoolLeakReleased: undefined },
      },
    });
  });

  test('a process that does not answer, and a target that is down, fire after two minutes', () => {
    run('silent', {
      way: 'agent',
      series: { memtool_up: '1x4 0x40', up: '1x4 0x40' },
      at: {
        '3m': { MemtoolProcessSilent: undefined, MemtoolTargetDown: undefined },
        '3m15s': {
          MemtoolProcessSilent: {
            labels: {},
            summary: 'orders (42) does not answer memtool.',
            description: /`memtool ps`.*`memtool last 42`/,
          },
          MemtoolTargetDown: {
            labels: {},
            summary: 'host:9464 cannot be scraped.',
            description: /`memtool metrics --listen 9464`/,
          },
        },
      },
    });
  });
});

test('every metric that a rule asks for is one that there is', () => {
  const known = new Set([...METRICS.map(({ name }) => name), 'memtool_up']);
  for (const { expr } of alertRules()) {
    for (const [name] of expr.matchAll(/\bmemtool_\w+/g)) expect(known, expr).toContain(name);
  }
});

test('every rule says what to type next, and each name is there once', () => {
  const rules = alertRules();
  for (const { annotations } of rules) expect(annotations.description).toMatch(/`memtool [a-z]+/);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});
