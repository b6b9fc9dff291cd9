import type { Finding, NextStep } from '../../report/doctor.ts';
import type { LastHistory } from '../../report/last.ts';
import { GAIN_BYTES_MIN, trendOf, type Trend } from '../../statistics/trend.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences } from '../finding.ts';
import {
  FLOOR_UPTIME_SECONDS,
  IMMINENT_SECONDS,
  SOON_SECONDS,
  TREND_BYTES_MIN,
  TREND_PART_SHARE_MIN,
  TREND_SHARE_MIN,
  UNCLEAR_BYTES_MIN,
} from '../thresholds.ts';

/** Samples a second apart know ten minutes; beyond that, those a minute apart are taken when there are as many. */
const MINUTES_ROWS_MIN = 45;

interface Lines {
  minutes: number[];
  rss: number[];
  heap: number[];
  buffers: number[];
}

/** What has grown all the time, by the black box that the process keeps of itself. */
export function trends(examined: Examined): Finding[] {
  const { history } = examined;
  if (history === null) return [];
  const lines = linesOf(history);
  const trend = trendOf(
    { minutes: lines.minutes, values: lines.rss },
    { reduction: 'median', gainShareMin: TREND_SHARE_MIN },
  );
  const first = lines.minutes[0] ?? 0;
  const spanSeconds = ((lines.minutes.at(-1) ?? 0) - first) * 60;
  if (trend.verdict === 'growing') {
    const grown = growthOf(trend, spanSeconds);
    if (grown.bytes < Math.max(TREND_BYTES_MIN, GAIN_BYTES_MIN)) return [];
    const part = partsOf(lines, examined).find(({ bytes }) => bytes >= grown.bytes * TREND_PART_SHARE_MIN);
    return isTold(part, examined) ? [] : [growing(examined, grown, spanSeconds, part)];
  }
  const rise = (lines.rss.at(-1) ?? 0) - (lines.rss[0] ?? 0);
  const isUnclear = trend.verdict === 'not-enough' && trend.cause !== 'short' && rise >= UNCLEAR_BYTES_MIN;
  return isUnclear ? [unclear(examined, trend, rise, spanSeconds)] : [];
}

/** Its place in the program says more than that it grows. */
function isTold(part: Part | undefined, { leaks }: Examined): boolean {
  const source = part?.name === 'heap' || part?.name === 'buffers' ? part.name : undefined;
  return (
    leaks?.leaks.some((row) => row.source === source && (row.verdict === 'leak' || row.verdict === 'suspect')) ?? false
  );
}

interface Part {
  /** `elsewhere`: native memory, or of worker threads, whose heaps are not in the history. */
  name: 'heap' | 'buffers' | 'native' | 'elsewhere';
  bytes: number;
}

const PART_TEXT: Record<Part['name'], string> = {
  heap: 'the V8 heap',
  buffers: 'Buffers and ArrayBuffers',
  native: 'neither heap nor Buffers, but native memory',
  elsewhere: 'neither in the heap nor in Buffers of the main thread',
};

const PART_CAUSE: Record<Part['name'], string | false> = {
  heap: 'A heap may also rise until V8 collects all of it for the first time.',
  buffers: false,
  native:
    'That is memory which V8 knows nothing of: native add-ons, what malloc keeps, threads. No tool that looks at the heap sees it.',
  elsewhere: 'It is of its worker threads, or native memory: add-ons, what malloc keeps of what was freed.',
};

interface Room {
  name: string;
  bytes: number;
}

function growing(
  examined: Examined,
  { bytes, bytesPerMinute }: { bytes: number; bytesPerMinute: number },
  spanSeconds: number,
  part: Part | undefined,
): Finding {
  const room = roomOf(examined);
  const secondsToLimit = room === undefined ? null : (room.bytes / bytesPerMinute) * 60;
  const imminent = secondsToLimit !== null && secondsToLimit <= IMMINENT_SECONDS;
  return finding({
    kind: part?.name === 'native' ? 'native-growth' : 'rss-growth',
    severity: imminent ? 'critical' : 'warning',
    certainty: 'likely',
    title: `It grows by ${formatBytes(bytesPerMinute)} a minute, and has done so for ${formatSeconds(spanSeconds)}${part === undefined ? '' : `; most of it is ${PART_TEXT[part.name]}`}.`,
    evidence: { bytes, bytesPerMinute, spanSeconds, ...(part ? { part: part.name, partBytes: part.bytes } : {}) },
    cause: sentences(
      part !== undefined && PART_CAUSE[part.name],
      room !== undefined &&
        secondsToLimit !== null &&
        secondsToLimit <= SOON_SECONDS &&
        `At that ${room.name} is full in ${formatSeconds(secondsToLimit)}.`,
    ),
    next: growthSteps(examined.stats.pid, part),
    secondsToLimit,
  });
}

/** What it may still take. */
function roomOf({ container, system }: Examined): Room | undefined {
  if (container !== null) {
    const bytes = container.limitBytes - container.usedBytes + container.reclaimableBytes;
    return { name: 'its container', bytes: Math.max(0, bytes) };
  }
  return system?.machine ? { name: 'the machine', bytes: system.machine.availableBytes } : undefined;
}

function growthSteps(pid: number, part: Part | undefined): NextStep[] {
  const watch = { command: `memtool stats ${pid} --watch 10`, why: 'marks the part of RSS that grows' };
  const collect = {
    command: `memtool cleanup ${pid} --gc`,
    why: 'collects garbage in all of its threads, and shows whether that brings it back',
  };
  const wait = { command: `memtool leaks ${pid} --wait`, why: 'watches, and says which functions make what stays' };
  if (part?.name === 'elsewhere') return [collect, watch, recordStep(pid)];
  return [part === undefined || part.name === 'native' ? watch : wait, recordStep(pid)];
}

function unclear({ stats }: Examined, trend: Trend, rise: number, spanSeconds: number): Finding {
  return finding({
    kind: 'trend-unclear',
    severity: 'note',
    certainty: 'possible',
    title: `It has grown by ${formatBytes(rise)} in ${formatSeconds(spanSeconds)}, and whether it goes on cannot be told yet.`,
    evidence: { bytes: rise, spanSeconds, trend: trend.cause },
    cause: "A step, a day's cycle, and a cache that fills all look like a leak for a while.",
    next: [
      recordStep(stats.pid),
      { command: 'memtool report run.jsonl', why: 'tells afterwards what grew, and how sure that is' },
    ],
  });
}

export function recordStep(pid: number): NextStep {
  return { command: `memtool record ${pid} --for 1h -o run.jsonl`, why: 'notes it every second, for `memtool report`' };
}

function growthOf({ fit }: Trend, spanSeconds: number): { bytes: number; bytesPerMinute: number } {
  const bytesPerMinute = fit?.slope ?? 0;
  return { bytesPerMinute, bytes: (bytesPerMinute * spanSeconds) / 60 };
}

function linesOf({ columns, seconds, minutes }: LastHistory): Lines {
  const rows = minutes.length >= MINUTES_ROWS_MIN ? minutes : seconds;
  const at = (name: string): number => columns.indexOf(name);
  const [t, rss, heap, external, buffers] = ['t', 'rss', 'heapUsed', 'external', 'arrayBuffers'].map(at);
  const lines: Lines = { minutes: [], rss: [], heap: [], buffers: [] };
  for (const row of rows) {
    if ((row[t ?? -1] ?? 0) < FLOOR_UPTIME_SECONDS * 1000) continue;
    const resident = row[rss ?? -1] ?? null;
    if (resident === null) continue;
    lines.minutes.push((row[t ?? -1] ?? 0) / 60_000);
    lines.rss.push(resident);
    lines.heap.push(row[heap ?? -1] ?? lines.heap.at(-1) ?? 0);
    lines.buffers.push(Math.max(row[external ?? -1] ?? 0, row[buffers ?? -1] ?? 0));
  }
  return lines;
}

/** By how much each part differs between the first and the last fifth of the time: garbage comes and goes within. */
function partsOf({ rss, heap, buffers }: Lines, { stats }: Examined): Part[] {
  const rest = rss.map((bytes, index) => bytes - (heap[index] ?? 0) - (buffers[index] ?? 0));
  return [
    { name: 'heap', bytes: change(heap) },
    { name: 'buffers', bytes: change(buffers) },
    { name: stats.workers === undefined ? 'native' : 'elsewhere', bytes: change(rest) },
  ];
}

function change(values: readonly number[]): number {
  const fifth = Math.max(1, Math.floor(values.length / 5));
  return meanOf(values.slice(-fifth)) - meanOf(values.slice(0, fifth));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
