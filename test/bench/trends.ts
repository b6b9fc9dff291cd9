/**
 * `npm run trends`: how often `memtool report` is wrong about series of which it is known whether they grow. Flat ones
 * that look lively must not be called growing; 1 MiB a minute must be found within ten minutes of a heap at work.
 */
import { trendOf } from '../../src/statistics/trend.ts';
import {
  autoregressive,
  dailyCycle,
  randomFrom,
  sawtooth,
  warmUp,
  whiteNoise,
  type Shape,
  type Simulated,
} from './simulated-series.ts';

const MIB = 1024 * 1024;
const SERIES: number = Number(process.argv[2] ?? 200);
/** The thresholds were chosen on other seeds than these. */
const FRESH = 500_000_000;
const FALSE_SHARE_MAX = 0.02;
const FOUND_SHARE_MIN = 0.98;

type Make = (random: () => number, shape: Shape) => Simulated;

interface Trial {
  name: string;
  make: Make;
  minutes: number;
  sampleSeconds: number;
}

const HEAP: Trial = { name: 'sawtooth of a heap', make: sawtooth, minutes: 10, sampleSeconds: 1 };

const FLAT: Trial[] = [
  { name: 'white noise', make: whiteNoise, minutes: 10, sampleSeconds: 1 },
  { name: 'white noise', make: whiteNoise, minutes: 60, sampleSeconds: 5 },
  { name: 'AR(1), 0.9', make: autoregressive, minutes: 10, sampleSeconds: 1 },
  { name: 'AR(1), 0.9', make: autoregressive, minutes: 60, sampleSeconds: 5 },
  HEAP,
  { ...HEAP, minutes: 60, sampleSeconds: 5 },
  { name: 'warm-up', make: warmUp, minutes: 10, sampleSeconds: 1 },
  { name: 'warm-up', make: warmUp, minutes: 60, sampleSeconds: 5 },
  { name: 'daily cycle', make: dailyCycle, minutes: 1440, sampleSeconds: 60 },
  { name: 'daily cycle', make: dailyCycle, minutes: 2160, sampleSeconds: 60 },
];

let isMet = true;
print('series', 'length', 'grows by', 'called growing', 'target', '');
print('---', '---', '---', '---', '---', '---');
for (const trial of FLAT) row(trial, 0, (share) => share <= FALSE_SHARE_MAX, `<= ${percent(FALSE_SHARE_MAX)}`);
row(HEAP, MIB, (share) => share >= FOUND_SHARE_MIN, `>= ${percent(FOUND_SHARE_MIN)}`);
process.exitCode = isMet ? 0 : 1;

function row(trial: Trial, bytesPerMinute: number, meets: (share: number) => boolean, target: string): void {
  const { name, make, minutes, sampleSeconds } = trial;
  let growing = 0;
  for (let seed = 1; seed <= SERIES; seed += 1) {
    const series = make(randomFrom(FRESH + seed * 104_729 + minutes), { minutes, sampleSeconds, bytesPerMinute });
    if (trendOf(series, series).verdict === 'growing') growing += 1;
  }
  const met = meets(growing / SERIES);
  isMet &&= met;
  const length = minutes > 120 ? `${minutes / 60} h` : `${minutes} min`;
  print(name, length, `${bytesPerMinute / MIB} MiB/min`, `${growing} of ${SERIES}`, target, met ? '' : 'missed');
}

function percent(share: number): string {
  return `${share * 100} %`;
}

function print(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
