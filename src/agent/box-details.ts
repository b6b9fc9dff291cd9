import type { BoxEvent, BoxHolder, BoxScope, BoxSite, Details } from '../black-box/notes.ts';
import { DEFAULT_THRESHOLDS, nextLevel } from '../memory/level.ts';
import type { Leak } from '../report/leaks.ts';
import type { Level } from '../report/level.ts';
import { boundedText } from './bounded-text.ts';
import type { Managers } from './managers.ts';

const EVENTS_MAX = 20;
const SCOPES_MAX = 5;
const SITES_MAX = 5;
const HOLDERS_MAX = 8;
const HOLDERS_PER_POOL_MAX = 3;
const POOLS_LOOKED_AT_MAX = 3;
/** Of a pool: 10,000 records take under a millisecond. */
const RECORDS_LOOKED_AT_MAX = 10_000;
const NAME_CHARACTERS_MAX = 80;
const FRAMES_MAX = 5;
const FRAME_CHARACTERS_MAX = 160;
/** Of levels that are remembered; pools beyond have no column either. */
const LEVELS_MAX = 64;

export interface Watched {
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  /** As its ledger has it; of what has none it is told here, by the default thresholds. */
  level?: Level;
}

/** Beside the figures: when a limit came near, and who held the memory. */
export class BoxDetails {
  readonly #managers: Managers;
  readonly #levels = new Map<string, Level>();
  #events: BoxEvent[] = [];
  #sites: BoxSite[] = [];
  #sitesReadAtMs: number | null = null;

  constructor(managers: Managers) {
    this.#managers = managers;
  }

  /** @returns Whether anything has changed its level. */
  noteLevels(atMs: number, watched: readonly Watched[]): boolean {
    const changed: BoxEvent[] = [];
    for (const { name, usedBytes, limitBytes, level: known } of watched) {
      if (limitBytes === null) continue;
      const before = this.#levels.get(name) ?? 'normal';
      const level = known ?? nextLevel(before, usedBytes, limitBytes, DEFAULT_THRESHOLDS);
      if (level === before || (!this.#levels.has(name) && this.#levels.size >= LEVELS_MAX)) continue;
      this.#levels.set(name, level);
      changed.push({ atMs, name: boundedText(name, 2 * NAME_CHARACTERS_MAX), level, usedBytes, limitBytes });
    }
    this.#events = [...this.#events, ...changed].slice(-EVENTS_MAX);
    return changed.length > 0;
  }

  /** Rows of a reading of the heap, which somebody has asked for. */
  noteSites(readAtMs: number, rows: readonly Leak[]): void {
    this.#sitesReadAtMs = readAtMs;
    this.#sites = rows
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, SITES_MAX)
      .map(({ source, stack, bytes, verdict }) => ({
        source: source === 'buffers' ? 'buffers' : 'heap',
        stack: boundedStack(stack),
        bytes,
        verdict,
      }));
  }

  read(atMs: number, oomKills: number | null): Details {
    const { scopes, count } = this.#managers.scopes({ count: SCOPES_MAX, sort: 'used' }, {});
    return {
      atMs,
      events: this.#events,
      scopes: scopes.map(({ manager, kind, name, user, usedBytes, limitBytes, ageSeconds }): BoxScope => ({
        manager: boundedText(manager, NAME_CHARACTERS_MAX),
        kind,
        name: boundedText(name, NAME_CHARACTERS_MAX),
        user: user === null ? null : boundedText(user, NAME_CHARACTERS_MAX),
        usedBytes,
        limitBytes,
        ageSeconds,
      })),
      scopeCount: count,
      holders: this.#holders(),
      sitesReadAtMs: this.#sitesReadAtMs,
      sites: this.#sites,
      oomKills,
    };
  }

  /** By tag or stack, in the pools that hold most. */
  #holders(): BoxHolder[] {
    const pools = this.#managers
      .read((reader) => reader.usage().map(({ name, usedBytes }) => ({ reader, name, usedBytes })), {})
      .flat()
      .filter(({ usedBytes }) => usedBytes > 0)
      .toSorted((a, b) => b.usedBytes - a.usedBytes)
      .slice(0, POOLS_LOOKED_AT_MAX);
    return pools
      .flatMap(({ reader, name }) =>
        reader
          .consumers(name, RECORDS_LOOKED_AT_MAX)
          .slice(0, HOLDERS_PER_POOL_MAX)
          .map(({ tag, stack, count, bytes }): BoxHolder => ({
            manager: boundedText(reader.managerName, NAME_CHARACTERS_MAX),
            pool: boundedText(name, NAME_CHARACTERS_MAX),
            tag: tag === null ? null : boundedText(tag, NAME_CHARACTERS_MAX),
            stack: boundedStack(stack),
            count,
            bytes,
          })),
      )
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, HOLDERS_MAX);
  }
}

/** Without what would not fit: text of other alphabets is longer than it has characters. */
export function fewerDetails(details: Details): Details {
  return { ...details, events: details.events.slice(-5), sites: details.sites.slice(0, 1), holders: [], scopes: [] };
}

function boundedStack(stack: readonly string[]): string[] {
  return stack.slice(0, FRAMES_MAX).map((frame) => boundedText(frame, FRAME_CHARACTERS_MAX));
}
