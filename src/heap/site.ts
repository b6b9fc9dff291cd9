import { formatFrame, type Frame } from './frame.ts';
import type { LiveSample, SampledStack } from './live-samples.ts';

/** Where memory comes from: what one place of the program had allocated, by itself or by calling others. */
export interface Site {
  /** The same at each reading. */
  key: string;
  /** Of the stack through which most of it came, innermost first. */
  frames: Frame[];
  samples: LiveSample[];
  /** Of the sites that would have been seen instead, had the innermost functions been inlined; the nearest first. */
  outer: string[];
}

/**
 * Stacks of one site differ in how it was called. They have in common the innermost function of the application, and the
 * innermost one that is not Node's own, which may be a package's that it called.
 */
export function groupBySite(stacks: readonly SampledStack[]): Site[] {
  const sites = new Map<string, { site: Site; largestBytes: number; outer: Set<string> }>();
  for (const { frames, samples } of stacks) {
    const bytes = samples.reduce((sum, sample) => sum + sample.bytes, 0);
    const key = keyOf(frames);
    const known = sites.get(key);
    if (!known) {
      const outer = new Set(outerKeys(frames, key));
      sites.set(key, { site: { key, frames, samples: [...samples], outer: [] }, largestBytes: bytes, outer });
      continue;
    }
    known.site.samples.push(...samples);
    for (const one of outerKeys(frames, key)) known.outer.add(one);
    if (bytes <= known.largestBytes) continue;
    known.site.frames = frames;
    known.largestBytes = bytes;
  }
  return [...sites.values()].map(({ site, outer }) => ({ ...site, outer: [...outer] }));
}

function outerKeys(frames: readonly Frame[], key: string): string[] {
  const keys = frames.slice(1).map((_, index) => keyOf(frames.slice(index + 1)));
  return [...new Set(keys)].filter((outer) => outer !== key);
}

/** V8's builtins (`push`, `from`) have no file, and say nothing of the place. */
function keyOf(frames: readonly Frame[]): string {
  const own = frames.find(({ origin }) => origin === 'application');
  const called =
    frames.find(({ origin }) => origin !== 'internal') ?? frames.find(({ file }) => file !== '') ?? frames[0];
  return [called, own].map((frame) => (frame ? formatFrame(frame) : '')).join(' < ');
}
