import type { Site } from './site.ts';

/** When a sample was taken, by its ordinal, in milliseconds since 1970. */
export type Dated = (ordinal: number) => number;

/** A place of the program, whose samples V8 has told under one or more names. */
export interface Place {
  /** The innermost first: it says most. */
  sites: Site[];
  /** Oldest first; milliseconds since 1970. */
  births: { ordinal: number; ms: number; bytes: number }[];
}

/** So many samples on each side of the change, for it to be no chance. */
const SAMPLES_MIN = 4;
/** What the one has lost the other must have gained, by so much. */
const SHARE_MIN = 0.5;
/** A change is looked at over no less than this. */
const WINDOW_MS_MIN = 1000;
/** As often as functions are compiled anew. */
const PASSES_MAX = 4;

/**
 * V8 tells of an optimized function only itself, and not the functions that were inlined into it. So when the program warms up,
 * the samples of a function go over to its caller at one moment (and back, when the code is thrown away): one site seems to
 * end, and another to begin. This joins the two.
 */
export function joinInlined(sites: readonly Site[], dated: Dated, nowMs: number): Place[] {
  let places = sites.map((site): Place => ({ sites: [site], births: birthsOf(site, dated) }));
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const joined = joinOnce(places, nowMs);
    if (joined.length === places.length) break;
    places = joined;
  }
  return places;
}

function joinOnce(places: readonly Place[], nowMs: number): Place[] {
  const left = new Set(places);
  const byKey = new Map(places.flatMap((place) => place.sites.map(({ key }) => [key, place] as const)));
  for (const place of places) {
    if (!left.has(place)) continue;
    const outer = place.sites
      .flatMap((site) => site.outer)
      .map((key) => byKey.get(key))
      .find((one) => one !== undefined && one !== place && left.has(one) && isOneThing(place, one, nowMs));
    if (outer === undefined) continue;
    left.delete(outer);
    left.delete(place);
    const merged: Place = {
      sites: [...place.sites, ...outer.sites],
      births: [...place.births, ...outer.births].toSorted((a, b) => a.ms - b.ms),
    };
    left.add(merged);
    for (const { key } of merged.sites) byKey.set(key, merged);
  }
  return [...left];
}

/** Whether the one goes on where the other stops. */
function isOneThing(inner: Place, outer: Place, nowMs: number): boolean {
  return continues(inner, outer, nowMs) || continues(outer, inner, nowMs);
}

function continues(ended: Place, begun: Place, nowMs: number): boolean {
  const firstMs = ended.births[0]?.ms ?? nowMs;
  const endMs = ended.births.at(-1)?.ms ?? nowMs;
  const windowMs = Math.max(WINDOW_MS_MIN, Math.min(endMs - firstMs, nowMs - endMs));
  const lost = countBetween(ended, endMs - windowMs, endMs);
  const gained = countBetween(begun, endMs, endMs + windowMs) - countBetween(begun, endMs - windowMs, endMs);
  return lost >= SAMPLES_MIN && gained >= SAMPLES_MIN && gained >= SHARE_MIN * lost;
}

function countBetween({ births }: Place, fromMs: number, toMs: number): number {
  return births.reduce((count, { ms }) => count + (ms >= fromMs && ms <= toMs ? 1 : 0), 0);
}

function birthsOf({ samples }: Site, dated: Dated): Place['births'] {
  return samples.map(({ ordinal, bytes }) => ({ ordinal, ms: dated(ordinal), bytes })).toSorted((a, b) => a.ms - b.ms);
}
