import { observedRow } from '../memory/observers.ts';
import type { ObservedUsage } from '../memory/registry.ts';
import type { Unavailable } from '../report/document.ts';
import type { CacheStats, PhaseStats, PoolStats } from '../report/stats.ts';
import type { Application } from './application.ts';
import type { History, SeriesKey } from './history.ts';
import type { Managers } from './managers.ts';
import { MAIN_THREAD } from './messages.ts';
import { threadName } from './thread-name.ts';

/** Beside the wait for the heap, and never longer: a report takes under half a second in all. */
const PATIENCE = { takenWithinMs: 200, answeredWithinMs: 450 } as const;

export interface ObservedPool {
  /** What its growth is remembered by. */
  series: SeriesKey;
  pool: PoolStats;
}

/** What only the threads of the application can tell. */
export interface Observed {
  pools: ObservedPool[];
  phases: PhaseStats[];
  caches: CacheStats[];
}

export interface ObservedSources {
  managers: Managers;
  application: Application;
  history: History;
}

/** The pools that someone else manages, as the `observe()` functions of all threads tell of them, the phases and the caches. */
export async function readObserved(sources: ObservedSources, unavailable: Unavailable): Promise<Observed> {
  const threads = sources.managers.observingThreads();
  const found = await Promise.all(threads.map((threadId) => readThread(threadId, sources, unavailable)));
  return {
    pools: found.flatMap(({ pools }) => pools),
    phases: found.flatMap(({ phases }) => phases),
    caches: found.flatMap(({ caches }) => caches),
  };
}

async function readThread(
  threadId: number,
  { application, history }: ObservedSources,
  unavailable: Unavailable,
): Promise<Observed> {
  const outcome = await application.ask(threadId, { kind: 'observe' }, PATIENCE);
  const where = threadId === MAIN_THREAD ? '' : ` in ${threadName(threadId)}`;
  switch (outcome.kind) {
    case 'answered': {
      const pools: ObservedPool[] = [];
      const phases = outcome.value.flatMap((observation) => observation.phases ?? []);
      const caches = outcome.value.flatMap((observation) => observation.caches ?? []);
      for (const { manager, ledgerId, usages } of outcome.value) {
        for (const usage of usages) {
          const series = ['observed', ledgerId, usage.name, threadId] as const;
          if (usage.error === undefined) pools.push({ series, pool: toPool(manager, usage, series, history) });
          else unavailable[`observed ${usage.name}${where}`] = usage.error;
        }
      }
      return { pools, phases, caches };
    }
    case 'failed':
      unavailable[`observed${where}`] = outcome.message;
      return NOTHING;
    case 'withdrawn':
      unavailable[`observed${where}`] =
        threadId === MAIN_THREAD
          ? 'main thread is busy, and observe() functions run there'
          : 'the thread is busy, and observe() functions run there';
      return NOTHING;
    case 'unanswered':
      unavailable[`observed${where}`] = `an observe() function did not answer within ${PATIENCE.answeredWithinMs} ms`;
      return NOTHING;
    case 'gone':
      // And what it observed with it.
      return NOTHING;
  }
}

const NOTHING: Observed = { pools: [], phases: [], caches: [] };

function toPool(manager: string, usage: ObservedUsage, series: SeriesKey, history: History): PoolStats {
  history.note(series, usage.usedBytes);
  return observedRow(manager, usage, {
    peakBytes: history.peakBytes(series),
    level: history.level(series, usage.usedBytes, usage.limitBytes),
  });
}
