import type { BareTarget } from '../inspect/open.ts';
import type { ProcessPressure } from '../report/pressure.ts';
import type { ProcessStats } from '../report/stats.ts';
import { bareIdentity } from './collect.ts';

/** What the system says of a process that has no agent. */
export function bareStats(target: BareTarget): ProcessStats {
  return {
    ...bareIdentity(target),
    cpuPercent: null,
    rssBytes: target.process.rssBytes,
    heapUsedBytes: null,
    heapLimitBytes: null,
    externalBytes: null,
    arrayBuffersBytes: null,
    memtoolBytes: null,
    managers: [],
    pools: [],
    scopes: [],
    scopeCount: 0,
  };
}

/** Of a process without an agent only its container's limit is known. */
export function barePressure(target: BareTarget): ProcessPressure {
  return { ...bareIdentity(target), level: 'normal', resources: [] };
}
