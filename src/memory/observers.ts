import type { PoolStats } from '../report/stats.ts';
import { usedPercent } from './level.ts';
import type { ObservedUsage } from './registry.ts';
import { errorText, withinTime } from './within-time.ts';

/** Says what a pool that someone else manages uses, and what it may use. */
export type Observer = () => ObservedFigures | Promise<ObservedFigures>;

export interface ObservedFigures {
  usedBytes: number;
  limitBytes?: number | null;
}

/** An observer that does not answer in this time is reported as such. */
const OBSERVE_MS_MAX = 300;

/** What the application registered with `observe`. */
export class Observers {
  private readonly byName = new Map<string, Observer>();
  /** What each said last: for reports that cannot wait. */
  private readonly latest = new Map<string, ObservedUsage>();

  add(name: string, observer: Observer): () => void {
    this.byName.set(name, observer);
    return () => {
      if (this.byName.get(name) !== observer) return;
      this.byName.delete(name);
      this.latest.delete(name);
    };
  }

  get size(): number {
    return this.byName.size;
  }

  lastSeen(): ObservedUsage[] {
    return [...this.latest.values()];
  }

  async ask(): Promise<ObservedUsage[]> {
    const answers = await Promise.all([...this.byName].map(([name, observer]) => askOne(name, observer)));
    for (const answer of answers) if (this.byName.has(answer.name)) this.latest.set(answer.name, answer);
    return answers;
  }
}

/** What an observer has said, as the row of a pool. Whoever watches it over time knows its peak and its level. */
export function observedRow(
  manager: string,
  { name, usedBytes, limitBytes }: ObservedUsage,
  { peakBytes, level }: Pick<PoolStats, 'peakBytes' | 'level'>,
): PoolStats {
  return {
    manager,
    name,
    kind: 'observed',
    limitBytes,
    blockBytes: null,
    usedBytes,
    reservedBytes: usedBytes,
    peakBytes,
    usedPercent: usedPercent(usedBytes, limitBytes ?? Infinity),
    level,
    allocations: 0,
    frees: 0,
    rejections: 0,
    live: 0,
    oldestAgeSeconds: null,
  };
}

async function askOne(name: string, observer: Observer): Promise<ObservedUsage> {
  try {
    const { usedBytes, limitBytes } = await withinTime(observer(), OBSERVE_MS_MAX);
    if (!Number.isFinite(usedBytes)) throw new Error(`usedBytes is ${String(usedBytes)}`);
    return { name, usedBytes, limitBytes: Number.isFinite(limitBytes) ? Number(limitBytes) : null };
  } catch (error) {
    return { name, usedBytes: 0, limitBytes: null, error: errorText(error) };
  }
}
