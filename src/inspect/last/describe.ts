import type { Unavailable } from '../../report/document.ts';
import type { LastListing, LastPool, ProcessLast } from '../../report/last.ts';
import { judgeEnding } from './ending.ts';
import type { Evidence } from './evidence.ts';
import type { Box } from './find.ts';
import { historyOf } from './history.ts';

/** A line of it. */
export function listBox(box: Box, evidence: Evidence, nowMs: number, unavailable: Unavailable = {}): LastListing {
  const { head, seconds, minutes } = box.contents;
  const last = seconds.at(-1) ?? minutes.at(-1);
  const lastAtMs = last?.atMs ?? box.writtenAtMs;
  const isInside = head !== null && head.pid !== 0 && head.pid !== box.pid;
  return {
    pid: box.pid,
    ...(isInside ? { pidInside: head.pid } : {}),
    name: head?.name || head?.scriptName || 'unknown',
    nodeVersion: head?.nodeVersion || null,
    uptimeSeconds: head ? Math.max(0, (lastAtMs - head.startedAtMs) / 1000) : 0,
    sampledAt: new Date(lastAtMs).toISOString(),
    file: box.path,
    ending: judgeEnding(box, evidence, unavailable, nowMs),
    rssBytes: last?.figures.rssBytes ?? null,
    heapUsedBytes: last?.figures.heapUsedBytes ?? null,
    heapLimitBytes: last?.figures.heapLimitBytes ?? null,
  };
}

/** All of it. */
export function describeBox(box: Box, evidence: Evidence, nowMs: number): ProcessLast {
  const { head, details, seconds, minutes } = box.contents;
  const unavailable: Unavailable = {};
  const listing = listBox(box, evidence, nowMs, unavailable);
  const last = seconds.at(-1) ?? minutes.at(-1);
  const columns = head?.pools ?? [];
  if (!head) unavailable['head'] = 'it is damaged: whose it was is known from its file name only';
  if (!last) unavailable['samples'] = 'there are none that are whole';
  if (!details) unavailable['details'] = 'none were written, or they are damaged';
  if (head && head.poolsLeftOut > 0)
    unavailable['more pools'] = `${head.poolsLeftOut} had no room in the box; they are in the total only`;
  const heapAgeMs = last?.figures.heapAgeMs ?? null;
  return {
    ...listing,
    memtoolVersion: head?.memtoolVersion || null,
    hostname: head?.hostname || null,
    heapAgeSeconds: heapAgeMs === null ? null : heapAgeMs / 1000,
    externalBytes: last?.figures.externalBytes ?? null,
    arrayBuffersBytes: last?.figures.arrayBuffersBytes ?? null,
    cpuPercent: last?.figures.cpuPercent ?? null,
    containerUsedBytes: last?.figures.containerUsedBytes ?? null,
    containerLimitBytes: last?.figures.containerLimitBytes ?? null,
    pools: columns
      .flatMap(({ manager, name, limitBytes }, column): LastPool[] => {
        const usedBytes = last?.pools[column] ?? null;
        if (usedBytes === null) return [];
        const usedPercent = limitBytes === null || limitBytes <= 0 ? null : (usedBytes / limitBytes) * 100;
        return [{ manager, name, usedBytes, limitBytes, usedPercent }];
      })
      .toSorted((a, b) => b.usedBytes - a.usedBytes),
    poolsUsedBytes: last?.figures.poolsUsedBytes ?? null,
    detailsAt: details ? new Date(details.atMs).toISOString() : null,
    holders: details?.holders ?? [],
    scopes: details?.scopes ?? [],
    scopeCount: details?.scopeCount ?? 0,
    events: (details?.events ?? []).map(({ atMs, ...event }) => ({ at: new Date(atMs).toISOString(), ...event })),
    sitesReadAt:
      details === null || details.sitesReadAtMs === null ? null : new Date(details.sitesReadAtMs).toISOString(),
    sites: details?.sites ?? [],
    history: historyOf(box.contents, columns, head?.startedAtMs ?? seconds[0]?.atMs ?? 0),
    ...(Object.keys(unavailable).length > 0 ? { unavailable } : {}),
  };
}
