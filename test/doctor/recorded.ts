/** What was known of real processes when they were examined, as it was recorded; and variations of it. */
import { readFileSync } from 'node:fs';
import type { Examined } from '../../src/doctor/examined.ts';
import type { Leak } from '../../src/report/leaks.ts';
import type { Resource } from '../../src/report/pressure.ts';
import type { PoolStats } from '../../src/report/stats.ts';

export const MIB: number = 1024 ** 2;

export type Recorded = 'service' | 'leaking' | 'plain';

/**
 * `service`: the demo service, with pools, scopes and workers. `leaking`: a program without pools whose audit log grows.
 * `plain`: one without pools that is well.
 */
export function recorded(name: Recorded = 'plain'): Examined {
  return JSON.parse(readFileSync(new URL(`../fixtures/doctor/${name}.json`, import.meta.url), 'utf8'));
}

/** The same with other figures, where a state is wanted that is not easily brought about. */
export function withStats(base: Examined, stats: Partial<Examined['stats']>): Examined {
  return { ...base, stats: { ...base.stats, ...stats } };
}

export function withResources(base: Examined, resources: Resource[]): Examined {
  return { ...base, pressure: { ...base.pressure, resources } };
}

export function withLeaks(base: Examined, leaks: Leak[]): Examined {
  if (base.leaks === null) throw new Error('it was recorded without leaks');
  return { ...base, leaks: { ...base.leaks, leaks } };
}

export function resource(given: Partial<Resource>): Resource {
  return {
    kind: 'pool',
    manager: 'orders',
    name: 'cache',
    usedBytes: 90 * MIB,
    limitBytes: 100 * MIB,
    usedPercent: 90,
    level: 'warning',
    bytesPerMinute: null,
    secondsToLimit: null,
    ...given,
  };
}

export function pool(given: Partial<PoolStats>): PoolStats {
  return {
    manager: 'orders',
    name: 'cache',
    kind: 'pool',
    limitBytes: 100 * MIB,
    blockBytes: 4096,
    usedBytes: 10 * MIB,
    reservedBytes: 10 * MIB,
    peakBytes: 60 * MIB,
    usedPercent: 10,
    level: 'normal',
    allocations: 1000,
    frees: 900,
    rejections: 0,
    live: 100,
    oldestAgeSeconds: 4,
    ...given,
  };
}

export function leak(given: Partial<Leak>): Leak {
  return {
    manager: 'orders',
    kind: 'lost',
    source: 'pool',
    pool: 'query',
    tag: 'rows',
    stack: [],
    scope: null,
    count: 60,
    bytes: 15 * MIB,
    oldestAgeSeconds: 70,
    youngestAgeSeconds: 2,
    generations: null,
    bytesPerMinute: null,
    verdict: 'leak',
    reason: 'Never freed, and nothing in the program refers to it any more; the oldest is 1m 10s old.',
    ...given,
  };
}
