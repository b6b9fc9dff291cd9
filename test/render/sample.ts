import type { CleanupReport } from '../../src/report/cleanup.ts';
import type { ProcessFailure, ProcessIdentity } from '../../src/report/document.ts';
import type { Leak, LeaksReport } from '../../src/report/leaks.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import type { ProcessesReport } from '../../src/report/processes.ts';
import type { PoolStats, StatsReport } from '../../src/report/stats.ts';
import { PLAIN_THEME, type Style } from '../../src/render/style.ts';

const MIB = 1024 * 1024;

export const AT_80: Style = { width: 80, theme: PLAIN_THEME };

export const IDENTITY: ProcessIdentity = {
  pid: 4242,
  name: 'orders-api',
  nodeVersion: 'v20.20.0',
  uptimeSeconds: 312,
  sampledAt: '2026-01-02T03:04:05.000Z',
};

export const FAILURE: ProcessFailure = {
  pid: 99,
  name: 'worker.js',
  error: {
    code: 'MEMTOOL_TIMEOUT',
    message: 'Process 99 (worker.js) did not answer within 5 s.',
    hint: 'Wait longer with --timeout 30.',
  },
};

function pool(name: string, usedMib: number, limitMib: number | null, changes: Partial<PoolStats> = {}): PoolStats {
  return {
    manager: 'orders-api',
    name,
    kind: 'pool',
    limitBytes: limitMib === null ? null : limitMib * MIB,
    blockBytes: 4096,
    usedBytes: usedMib * MIB,
    reservedBytes: usedMib * MIB,
    peakBytes: usedMib * MIB,
    usedPercent: limitMib === null ? null : (usedMib / limitMib) * 100,
    level: 'normal',
    allocations: 900,
    frees: 890,
    rejections: 0,
    live: 10,
    oldestAgeSeconds: 312,
    ...changes,
  };
}

export const STATS: StatsReport = {
  schemaVersion: 1,
  command: 'stats',
  processes: [
    {
      ...IDENTITY,
      cpuPercent: 3.14,
      rssBytes: 80 * MIB,
      heapUsedBytes: 12 * MIB,
      heapLimitBytes: 4096 * MIB,
      externalBytes: 2 * MIB,
      arrayBuffersBytes: MIB,
      memtoolBytes: 1.5 * MIB,
      managers: [
        {
          name: 'orders-api',
          limitBytes: null,
          usedBytes: 112.5 * MIB,
          usedPercent: null,
          level: 'normal',
          unrecorded: 0,
          watchedOneIn: 1,
        },
      ],
      pools: [
        pool('query', 3, 50),
        pool('cache', 85, 100, { level: 'warning' }),
        pool('temp', 24.5, 25, { level: 'critical', rejections: 7 }),
        pool('duckdb', 200, null, { kind: 'observed' }),
      ],
      scopes: [],
    },
  ],
};

export const PRESSURE: PressureReport = {
  schemaVersion: 1,
  command: 'pressure',
  level: 'critical',
  processes: [
    {
      ...IDENTITY,
      level: 'critical',
      resources: [
        { kind: 'heap', manager: null, name: 'heap', usedBytes: 12 * MIB, limitBytes: 4096 * MIB, usedPercent: 0.29, level: 'normal', bytesPerMinute: -MIB, secondsToLimit: null },
        { kind: 'pool', manager: 'orders-api', name: 'cache', usedBytes: 96 * MIB, limitBytes: 100 * MIB, usedPercent: 96, level: 'critical', bytesPerMinute: 2 * MIB, secondsToLimit: 120 },
        { kind: 'observed', manager: 'orders-api', name: 'duckdb', usedBytes: 200 * MIB, limitBytes: null, usedPercent: null, level: 'normal', bytesPerMinute: null, secondsToLimit: null },
      ],
    },
  ],
}; // prettier-ignore

export const LOST: Leak = {
  manager: 'orders-api',
  kind: 'lost',
  source: 'pool',
  pool: 'query',
  tag: 'profile-rows',
  stack: [],
  scope: null,
  count: 120,
  bytes: 3 * MIB,
  oldestAgeSeconds: 12,
  youngestAgeSeconds: 3,
  generations: null,
  bytesPerMinute: null,
  verdict: 'leak',
  reason: 'Never freed, and nothing in the program refers to it any more.',
};

export const STALE: Leak = {
  ...LOST,
  kind: 'stale',
  pool: 'cache',
  tag: null,
  stack: ['load (/app/pages.js:12:3)', 'main (/app/main.js:1:1)'],
  scope: { kind: 'query', name: 'q-17', user: 'ana', transaction: 't-3' },
  count: 2,
  bytes: 40 * MIB,
  oldestAgeSeconds: 900,
  bytesPerMinute: MIB,
  verdict: 'suspect',
  reason: 'Held for up to 15m and still referred to.',
};

export function leaksOf(leaks: Leak[]): LeaksReport {
  const totals = {
    count: leaks.reduce((sum, { count }) => sum + count, 0),
    bytes: leaks.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  return {
    schemaVersion: 1,
    command: 'leaks',
    ageSeconds: 300,
    processes: [{ ...IDENTITY, leaks, released: [], totals }],
  };
}

const LOST_ROW = {
  manager: 'orders-api',
  kind: 'lost',
  pool: 'query',
  tag: 'profile-rows',
  count: 120,
  bytes: 3 * MIB,
} as const;

export const CLEANUP: CleanupReport = {
  schemaVersion: 1,
  command: 'cleanup',
  ageSeconds: 300,
  dryRun: false,
  processes: [
    {
      ...IDENTITY,
      reclaimed: [{ ...LOST_ROW, kind: 'idle', tag: null, count: 1, bytes: 2 * MIB }, LOST_ROW],
      left: [
        {
          ...LOST_ROW,
          kind: 'stale',
          pool: 'cache',
          tag: 'pages',
          count: 2,
          bytes: 40 * MIB,
          reason: 'Still referred to; only --force takes it, and its holder then gets an error.',
        },
      ],
      totals: { count: 120, bytes: 3 * MIB },
      layers: { heapUsedBytes: [12 * MIB, 9 * MIB], externalBytes: [2 * MIB, 2 * MIB], rssBytes: [80 * MIB, 81 * MIB] },
      gcPauseMs: 41.6,
    },
  ],
};

export const PROCESSES: ProcessesReport = {
  schemaVersion: 1,
  command: 'ps',
  processes: [
    {
      ...IDENTITY,
      pid: 7,
      name: 'worker.js',
      nodeVersion: null,
      agent: false,
      attachable: true,
      reason: 'no agent; restart it with `memtool run worker.js`',
      cpuPercent: 0,
      rssBytes: 300 * MIB,
      pools: 0,
    },
    { ...IDENTITY, agent: true, attachable: false, cpuPercent: 3.14, rssBytes: 80 * MIB, pools: 3 },
  ],
};
