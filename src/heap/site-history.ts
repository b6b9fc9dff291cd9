import type { Leak } from '../report/leaks.ts';
import { formatFrame } from './frame.ts';
import { joinInlined, type Dated, type Place } from './inlining.ts';
import type { Site } from './site.ts';
import { sparest } from './sparest.ts';
import { judge, type Earlier } from './survivors.ts';

/** What is remembered of a reading, to see at a later one what has been freed. */
interface Remembered {
  ms: number;
  sites: Map<string, RememberedSite>;
}

/** Of one site, the samples that were not young at the time. */
interface RememberedSite {
  ordinals: Int32Array;
  /** When each of them was taken. */
  births: Float64Array;
  /** How many there were, the young ones too. */
  count: number;
}

const READINGS_REMEMBERED_MAX = 8;
/** 768 KiB a reading. */
const SAMPLES_REMEMBERED_MAX = 65_536;
/** What a program is just working with is freed soon whatever becomes of the rest. */
const YOUNG_MS = 1000;
const YOUNG_SHARE = 0.02;
/** For a comparison to mean anything, of the samples that are there now. */
const COMPARED_SHARE = 0.1;
const COMPARED_MIN = 6;
const FRAMES_MAX = 32;

/** What was alive at the readings of one watch, by site. */
export class SiteHistory {
  readonly #source: 'heap' | 'buffers';
  readonly #startedMs: number;
  #remembered: Remembered[] = [];
  #sites: Site[] = [];
  #places: Place[] = [];
  #nowMs: number;
  #dated: Dated = () => 0;

  /** @param startedMs what was made before that is not seen; milliseconds since 1970, as all times here */
  constructor(source: 'heap' | 'buffers', startedMs: number) {
    this.#source = source;
    this.#startedMs = startedMs;
    this.#nowMs = startedMs;
  }

  get startedMs(): number {
    return this.#startedMs;
  }

  /** How many readings it remembers. */
  get size(): number {
    return this.#remembered.length;
  }

  get liveBytes(): number {
    return this.#places.reduce((sum, place) => sum + bytesOf(place.births), 0);
  }

  /** @param dated when a sample was taken, by its ordinal */
  note(sites: Site[], dated: Dated, nowMs: number): void {
    if (this.#sites.length > 0) this.#remember();
    this.#sites = sites;
    this.#dated = dated;
    this.#nowMs = nowMs;
    this.#places = joinInlined(sites, dated, nowMs);
  }

  /** A row for each place that holds something older, in no order. */
  rows(ageSeconds: number): Leak[] {
    return this.#places.flatMap((place) => this.#row(place, ageSeconds));
  }

  #row(place: Place, ageSeconds: number): Leak[] {
    const [startedMs, nowMs] = [this.#startedMs, this.#nowMs];
    const old = place.births.filter(({ ms }) => nowMs - ms >= ageSeconds * 1000);
    if (old.length === 0) return [];
    const earlier = this.#earlier(place);
    const { verdict, ...judgement } = judge({ births: place.births, startedMs, nowMs, ...(earlier && { earlier }) });
    return [
      {
        manager: null,
        kind: verdict === 'leak' || verdict === 'suspect' ? 'growing' : 'stale',
        source: this.#source,
        pool: null,
        tag: null,
        stack: (place.sites[0]?.frames ?? []).slice(0, FRAMES_MAX).map(formatFrame),
        scope: null,
        count: old.length,
        bytes: bytesOf(old),
        oldestAgeSeconds: (nowMs - (old[0]?.ms ?? nowMs)) / 1000,
        youngestAgeSeconds: (nowMs - (old.at(-1)?.ms ?? nowMs)) / 1000,
        verdict,
        ...judgement,
      },
    ];
  }

  /** What became of what was there: since the oldest reading that saw enough of it. */
  #earlier({ sites, births }: Place): Earlier | undefined {
    const enough = Math.max(COMPARED_MIN, COMPARED_SHARE * births.length);
    const now = new Set(births.map(({ ordinal }) => ordinal));
    for (const { ms, sites: remembered } of this.#remembered) {
      const then = sites.flatMap(({ key }) => remembered.get(key) ?? []);
      if (then.reduce((sum, { ordinals }) => sum + ordinals.length, 0) < enough) continue;
      const samples = then.flatMap(({ ordinals, births: taken }) =>
        Array.from(ordinals, (ordinal, index) => ({ ms: taken[index] ?? 0, isKept: now.has(ordinal) })),
      );
      const count = then.reduce((sum, site) => sum + site.count, 0);
      return { ms, count, samples: samples.toSorted((a, b) => a.ms - b.ms) };
    }
    return undefined;
  }

  /** Puts the last reading among those that later ones are compared with. */
  #remember(): void {
    const nowMs = this.#nowMs;
    const young = nowMs - Math.max(YOUNG_MS, YOUNG_SHARE * (nowMs - this.#startedMs));
    const remembered = new Map<string, RememberedSite>();
    let room = SAMPLES_REMEMBERED_MAX;
    for (const { key, samples } of this.#sites.toSorted((a, b) => b.samples.length - a.samples.length)) {
      const old = samples.filter(({ ordinal }) => this.#dated(ordinal) <= young);
      if (old.length === 0 || old.length > room) continue;
      room -= old.length;
      remembered.set(key, {
        ordinals: Int32Array.from(old, ({ ordinal }) => ordinal),
        births: Float64Array.from(old, ({ ordinal }) => this.#dated(ordinal)),
        count: samples.length,
      });
    }
    this.#remembered.push({ ms: nowMs, sites: remembered });
    if (this.#remembered.length > READINGS_REMEMBERED_MAX)
      this.#remembered.splice(sparest(this.#remembered.map(({ ms }) => nowMs - ms)), 1);
  }
}

function bytesOf(births: Place['births']): number {
  return births.reduce((sum, { bytes }) => sum + bytes, 0);
}
