import type { AlertRule } from '../report/alerts.ts';
import { withName } from './expression.ts';

/** What one types next; a program whose registry is scraped has no pid in its series. */
const TARGET = '{{ or $labels.pid $labels.name }}';

interface Resource {
  alert: string;
  metric: string;
  /** As the subject of a sentence. */
  subject: string;
  /** What happens at the limit. */
  consequence: string;
  hasTimeToLimit: boolean;
}

const RESOURCES: readonly Resource[] = [
  {
    alert: 'MemtoolPool',
    metric: 'pool',
    subject: 'Pool {{ $labels.pool }} of {{ $labels.name }}',
    consequence: 'At its limit it refuses requests.',
    hasTimeToLimit: true,
  },
  {
    alert: 'MemtoolManager',
    metric: 'manager',
    subject: 'Manager {{ $labels.manager }} of {{ $labels.name }}',
    consequence: 'At its limit all of its pools refuse requests.',
    hasTimeToLimit: true,
  },
  {
    alert: 'MemtoolObserved',
    metric: 'observed',
    subject: 'Observed pool {{ $labels.pool }} of {{ $labels.name }}',
    consequence: 'What happens at its limit is for whoever manages it to say.',
    hasTimeToLimit: true,
  },
  {
    alert: 'MemtoolHeap',
    metric: 'process_heap',
    subject: 'The V8 heap of {{ $labels.name }}',
    consequence: 'At its limit Node.js ends the process.',
    hasTimeToLimit: true,
  },
  {
    alert: 'MemtoolContainer',
    metric: 'container',
    subject: 'The container of {{ $labels.name }}',
    consequence: 'At its limit the kernel kills a process.',
    hasTimeToLimit: false,
  },
];

/** 80 % for five minutes, an hour to the limit, a verdict of a leak, and a process that does not answer. */
export function alertRules(): AlertRule[] {
  return [
    ...RESOURCES.map(nearLimit),
    ...RESOURCES.filter(({ hasTimeToLimit }) => hasTimeToLimit).map(fillingUp),
    {
      alert: 'MemtoolLeak',
      expr: withName('(memtool_leak_bytes{verdict="leak"} > 0)'),
      for: '1m',
      labels: { severity: 'warning' },
      annotations: {
        summary:
          '{{ $labels.name }} has leaked {{ $value | humanize1024 }}B ({{ $labels.kind }}, {{ $labels.source }}).',
        description: `Who holds it, and since when: \`memtool leaks ${TARGET}\`. What of a pool is certain is given back by \`memtool cleanup ${TARGET}\`.`,
      },
    },
    {
      alert: 'MemtoolLeakReleased',
      expr: withName('(increase(memtool_pool_lost_released_bytes_total[15m]) > 0)'),
      for: '0s',
      labels: { severity: 'warning' },
      annotations: {
        summary: 'Pool {{ $labels.pool }} of {{ $labels.name }} took back {{ $value | humanize1024 }}B that were lost.',
        description: `The program forgets to free what it takes; cleanup or want of room hid it. \`memtool leaks ${TARGET}\` shows what is lost next, by tag.`,
      },
    },
    {
      alert: 'MemtoolProcessSilent',
      expr: 'memtool_up == 0',
      for: '2m',
      labels: { severity: 'warning' },
      annotations: {
        summary: '{{ $labels.name }} ({{ $labels.pid }}) does not answer memtool.',
        description: 'Why not: `memtool ps`. What it held when it was last heard of: `memtool last {{ $labels.pid }}`.',
      },
    },
    {
      alert: 'MemtoolTargetDown',
      expr: 'up{job=~"memtool.*"} == 0',
      for: '2m',
      labels: { severity: 'warning' },
      annotations: {
        summary: '{{ $labels.instance }} cannot be scraped.',
        description:
          'Nothing is known of the memory of its processes. Start it again there: `memtool metrics --listen 9464`.',
      },
    },
  ];
}

function nearLimit({ alert, metric, subject, consequence }: Resource): AlertRule {
  return {
    alert: `${alert}NearLimit`,
    expr: withName(`(memtool_${metric}_used_bytes / memtool_${metric}_limit_bytes >= 0.8)`),
    for: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: `${subject} is at {{ $value | humanizePercentage }} of its limit.`,
      description: `For five minutes or longer it has been at 80 % or above. ${consequence} What uses it: \`memtool stats ${TARGET}\`; what is held for too long: \`memtool leaks ${TARGET}\`.`,
    },
  };
}

function fillingUp({ alert, metric, subject, consequence }: Resource): AlertRule {
  return {
    alert: `${alert}FillingUp`,
    expr: withName(`(memtool_${metric}_seconds_to_limit < 3600)`),
    for: '2m',
    labels: { severity: 'warning' },
    annotations: {
      summary: `${subject} will be full in {{ $value | humanizeDuration }}.`,
      description: `If it goes on growing as in the last minute. ${consequence} How fast it grows: \`memtool pressure ${TARGET}\`; what it is that stays: \`memtool leaks ${TARGET}\`.`,
    },
  };
}
