import { usedPercent } from '../memory/level.ts';
import type { PoolStats, Unavailable } from '../report.ts';
import type { Application } from './application.ts';
import type { History } from './history.ts';
import type { Observation } from './messages.ts';

/** Beside the wait for the heap, and never longer: a report takes under half a second in all. */
const PATIENCE = { takenWithinMs: 200, answeredWithinMs: 450 } as const;

/** The pools that someone else manages, as the application's `observe()` functions tell of them. */
export async function readObserved(
  application: Application,
  history: History,
  unavailable: Unavailable,
): Promise<PoolStats[]> {
  const outcome = await application.ask({ kind: 'observe' }, PATIENCE);
  switch (outcome.kind) {
    case 'answered':
      return outcome.value.flatMap((observation) => toPools(observation, history, unavailable));
    case 'failed':
      unavailable['observed'] = outcome.message;
      return [];
    case 'withdrawn':
      unavailable['observed'] = 'main thread is busy, and observe() functions run there';
      return [];
    case 'unanswered':
      unavailable['observed'] = `an observe() function did not answer within ${PATIENCE.answeredWithinMs} ms`;
      return [];
  }
}

function toPools({ manager, usages }: Observation, history: History, unavailable: Unavailable): PoolStats[] {
  return usages.flatMap(({ name, usedBytes, limitBytes, error }): PoolStats[] => {
    if (error !== undefined) {
      unavailable[`observed ${name}`] = error;
      return [];
    }
    const key = ['observed', manager, name] as const;
    history.note(key, usedBytes);
    return [
      {
        manager,
        name,
        kind: 'observed',
        limitBytes,
        blockBytes: null,
        usedBytes,
        reservedBytes: usedBytes,
        peakBytes: history.peakBytes(key),
        usedPercent: usedPercent(usedBytes, limitBytes ?? Infinity),
        level: history.level(key, usedBytes, limitBytes),
        allocations: 0,
        frees: 0,
        rejections: 0,
        live: 0,
        oldestAgeSeconds: null,
      },
    ];
  });
}
