import { LEVELS } from '../../report/level.ts';
import type { Resource } from '../../report/pressure.ts';
import type { TopProcess, TopSort, TopState } from '../../report/top.ts';
import { growthOf, RSS } from './series.ts';

/** The processes that are shown, in their order: those the filter lets through; what has ended goes last. */
export function shownProcesses({ processes, filter, sort, isReversed }: TopState): TopProcess[] {
  const wanted = filter.toLowerCase();
  const shown = processes.filter(
    ({ name, pid }) => name.toLowerCase().includes(wanted) || String(pid).includes(wanted),
  );
  const direction = isReversed ? -1 : 1;
  return shown.toSorted(
    (a, b) =>
      Number(a.status === 'ended') - Number(b.status === 'ended') ||
      direction * compare(a, b, sort) ||
      a.name.localeCompare(b.name) ||
      a.pid - b.pid,
  );
}

export function selectedProcess(state: TopState): TopProcess | undefined {
  const shown = shownProcesses(state);
  return shown.find(({ key }) => key === state.selected) ?? shown[0];
}

export function openedProcess({ processes, opened }: TopState): TopProcess | undefined {
  return opened === null ? undefined : processes.find(({ key }) => key === opened);
}

/** What is nearest to its limit, pools, scopes, heaps and the container alike; `undefined` without any limit. */
export function fullest({ pressure }: TopProcess): Resource | undefined {
  const limited = (pressure?.resources ?? []).filter(({ usedPercent }) => usedPercent !== null);
  return limited.toSorted(
    (a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level) || (b.usedPercent ?? 0) - (a.usedPercent ?? 0),
  )[0];
}

export function rssOf({ stats }: TopProcess): number | null {
  return stats?.rssBytes ?? null;
}

/** Largest and gravest first, but names from A. */
function compare(a: TopProcess, b: TopProcess, sort: TopSort): number {
  switch (sort) {
    case 'name':
      return a.name.localeCompare(b.name);
    case 'rss':
      return largest(rssOf(a), rssOf(b));
    case 'heap':
      return largest(a.stats?.heapUsedBytes, b.stats?.heapUsedBytes);
    case 'cpu':
      return largest(a.stats?.cpuPercent, b.stats?.cpuPercent);
    case 'growth':
      return largest(growthOf(a.history, RSS), growthOf(b.history, RSS));
    case 'pressure':
      return gravity(b) - gravity(a) || largest(fullest(a)?.usedPercent, fullest(b)?.usedPercent);
  }
}

/** Nobody knows how bad it is with one that does not answer: above all that is calm, below what is known to be bad. */
function gravity({ status, pressure }: TopProcess): number {
  if (status === 'silent') return 0.5;
  return pressure === null ? 0 : LEVELS.indexOf(pressure.level);
}

function largest(a: number | null | undefined, b: number | null | undefined): number {
  return (b ?? -Infinity) === (a ?? -Infinity) ? 0 : (b ?? -Infinity) - (a ?? -Infinity);
}
