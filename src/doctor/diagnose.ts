import { CERTAINTIES, SEVERITIES, type Finding, type ProcessDiagnosis } from '../report/doctor.ts';
import type { ProcessIdentity } from '../report/document.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import type { Examined, Rule } from './examined.ts';
import { examinedOf, unavailableOf } from './extent.ts';
import { blocked, gcBusy } from './rules/activity.ts';
import { noAgent } from './rules/no-agent.ts';
import { container } from './rules/container.ts';
import { diedBefore } from './rules/ended.ts';
import { heapLimitFit } from './rules/heap-limit-fit.ts';
import { heapLimitNear } from './rules/heap-limit.ts';
import { heapCache, heapSites } from './rules/heap-sites.ts';
import { idleArenas } from './rules/idle-arena.ts';
import { keptGarbage } from './rules/kept-garbage.ts';
import { limitNear } from './rules/limit-near.ts';
import { machineMemoryLow, swappedOut } from './rules/machine.ts';
import { nativeRest } from './rules/native-rest.ts';
import { openScopes } from './rules/open-scopes.ts';
import { oversizedPools } from './rules/oversized.ts';
import { lost, orphaned, stale } from './rules/pool-leaks.ts';
import { refusals } from './rules/refusals.ts';
import { threadStacks } from './rules/thread-stacks.ts';
import { trends } from './rules/trends.ts';
import { heapUnread, unrecorded, watchYoung } from './rules/watch-young.ts';
import { workerHeapNear, workerHeaps } from './rules/worker-heap.ts';
import { FLOOR_RSS_BYTES, FLOOR_UPTIME_SECONDS } from './thresholds.ts';

/** What counts or threatens whatever the size and age of the process. */
const ALWAYS: readonly Rule[] = [
  noAgent,
  blocked,
  limitNear,
  heapLimitNear,
  workerHeapNear,
  container,
  machineMemoryLow,
  heapLimitFit,
  lost,
  orphaned,
  heapSites,
  refusals,
  diedBefore,
  unrecorded,
  heapUnread,
  watchYoung,
];

/** What means nothing in a process that is small, or has just started. */
const ABOVE_FLOOR: readonly Rule[] = [
  swappedOut,
  gcBusy,
  trends,
  stale,
  heapCache,
  nativeRest,
  workerHeaps,
  idleArenas,
  keptGarbage,
  openScopes,
  oversizedPools,
  threadStacks,
];

/** What is the matter with a process, the worst first. */
export function diagnose(examined: Examined): ProcessDiagnosis {
  const declined = declinedOf(examined);
  const rules = declined === null ? [...ALWAYS, ...ABOVE_FLOOR] : ALWAYS;
  const unavailable = unavailableOf(examined);
  return {
    ...identityOf(examined),
    rssBytes: examined.stats.rssBytes,
    declined,
    findings: rules.flatMap((rule) => rule(examined)).toSorted(byWorth),
    examined: examinedOf(examined),
    ...(Object.keys(unavailable).length === 0 ? {} : { unavailable }),
  };
}

/** What threatens soonest, then what is surest, then what saves most. */
export function byWorth(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    soonness(a) - soonness(b) ||
    CERTAINTIES.indexOf(a.certainty) - CERTAINTIES.indexOf(b.certainty) ||
    (b.savesBytes ?? 0) - (a.savesBytes ?? 0)
  );
}

/** Beyond a day it is no matter which comes first. */
const FAR_SECONDS = 86_400;

function soonness({ secondsToLimit }: Finding): number {
  return Math.min(secondsToLimit ?? FAR_SECONDS, FAR_SECONDS);
}

/** As Redis' MEMORY DOCTOR: what is almost empty has no illness that could be told from being almost empty. */
function declinedOf({ stats: { rssBytes, uptimeSeconds } }: Examined): string | null {
  if (rssBytes !== null && rssBytes < FLOOR_RSS_BYTES) {
    return `It takes ${formatBytes(rssBytes)} in all. Below ${formatBytes(FLOOR_RSS_BYTES)} only limits and leaks are judged: Node.js itself takes most of that.`;
  }
  if (uptimeSeconds < FLOOR_UPTIME_SECONDS) {
    return `It has been up for ${formatSeconds(uptimeSeconds)}. In the first minute only limits and leaks are judged: what a program takes while it starts says little.`;
  }
  return null;
}

function identityOf({ stats }: Examined): ProcessIdentity {
  const { pid, pidInside, name, nodeVersion, uptimeSeconds, sampledAt } = stats;
  return { pid, ...(pidInside === undefined ? {} : { pidInside }), name, nodeVersion, uptimeSeconds, sampledAt };
}
