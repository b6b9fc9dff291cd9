/** Series as processes have them, made up: flat ones that look lively, and leaks among garbage. */
import type { Reduction, Series } from '../../src/statistics/windows.ts';

const MIB = 1024 * 1024;

export interface Simulated extends Series {
  reduction: Reduction;
  /** Full garbage collections until each sample, of what has them. */
  fullCounts?: number[];
}

export interface Shape {
  /** Of what grows. */
  bytesPerMinute: number;
  minutes: number;
  sampleSeconds: number;
}

/** Uniform from 0 to 1, always the same for the same seed: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function sampled({ minutes, sampleSeconds }: Shape, reduction: Reduction, at: (minute: number) => number): Simulated {
  const count = Math.floor((minutes * 60) / sampleSeconds);
  const times = Array.from({ length: count }, (_, index) => (index * sampleSeconds) / 60);
  return { minutes: times, values: times.map((minute) => Math.round(Math.max(0, at(minute)))), reduction };
}

export function whiteNoise(random: () => number, shape: Shape): Simulated {
  const deviation = (0.5 + 9.5 * random()) * MIB;
  return sampled(shape, 'median', (minute) => 100 * MIB + minute * shape.bytesPerMinute + deviation * normal(random));
}

/** Each value is 0.9 of the one before it, and chance. */
export function autoregressive(random: () => number, shape: Shape, correlation: number = 0.9): Simulated {
  const deviation = (0.2 + 1.8 * random()) * MIB;
  let state = (deviation * normal(random)) / Math.sqrt(1 - correlation ** 2);
  return sampled(shape, 'median', (minute) => {
    state = correlation * state + deviation * normal(random);
    return 100 * MIB + minute * shape.bytesPerMinute + state;
  });
}

/**
 * A heap: what lives, which goes up and down with the load; the young generation, which fills and is scavenged every few
 * seconds, and of which a part is promoted; and old garbage, until there are 8 to 25 MiB of it, for a minute at most, and a full
 * collection takes it. [Node 20, a service that keeps 37 MiB: every 8 s under load, with 10 MiB; every 25 s with little.]
 */
export function sawtooth(random: () => number, shape: Shape): Simulated {
  const liveBytes = (20 + 80 * random()) * MIB;
  const youngBytesPerSecond = (2 + 8 * random()) * MIB;
  const oldBytesPerSecond = youngBytesPerSecond * (0.03 + 0.07 * random());
  const secondsBetween = Math.min(60, Math.max(5, ((8 + 17 * random()) * MIB) / oldBytesPerSecond));
  const loadDeviation = 0.3 * MIB;
  const fullCounts: number[] = [];
  let young = 16 * MIB * random();
  let oldSeconds = secondsBetween * random();
  let load = 0;
  let fullCount = 0;
  const series = sampled(shape, 'floor', (minute) => {
    load = 0.9 * load + loadDeviation * normal(random);
    young = (young + youngBytesPerSecond * shape.sampleSeconds * (0.5 + random())) % (16 * MIB);
    oldSeconds += shape.sampleSeconds * (0.8 + 0.4 * random());
    if (oldSeconds >= secondsBetween) {
      oldSeconds %= secondsBetween;
      // It empties the young generation as well; the sample comes up to a second later.
      young = youngBytesPerSecond * shape.sampleSeconds * random();
      fullCount += 1;
    }
    fullCounts.push(fullCount);
    return liveBytes + minute * shape.bytesPerMinute + load + young + oldSeconds * oldBytesPerSecond;
  });
  return { ...series, fullCounts };
}

/** Caches, pools and compiled code come in the first part; then it is flat. Half of them in one step, half gradually. */
export function warmUp(random: () => number, shape: Shape): Simulated {
  const endMinute = (0.05 + 0.45 * random()) * shape.minutes;
  const gainBytes = (10 + 60 * random()) * MIB;
  const isStep = random() < 0.5;
  const deviation = (0.2 + 2.8 * random()) * MIB;
  return sampled(shape, 'median', (minute) => {
    const warmth = isStep ? (minute < endMinute ? 0 : 1) : 1 - Math.exp((-5 * minute) / endMinute);
    return 60 * MIB + gainBytes * warmth + minute * shape.bytesPerMinute + deviation * normal(random);
  });
}

/** As the users of one country come and go, from whatever hour on. */
export function dailyCycle(random: () => number, shape: Shape): Simulated {
  const phase = 2 * Math.PI * random();
  const amplitude = (5 + 45 * random()) * MIB;
  const deviation = (0.5 + 4.5 * random()) * MIB;
  return sampled(
    shape,
    'median',
    (minute) =>
      150 * MIB +
      amplitude * Math.sin((2 * Math.PI * minute) / 1440 + phase) +
      minute * shape.bytesPerMinute +
      deviation * normal(random),
  );
}
