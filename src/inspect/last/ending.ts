import { constants } from 'node:os';
import type { Unavailable } from '../../report/document.ts';
import type { LastEnding } from '../../report/last.ts';
import { formatBytes, formatPercent, formatSeconds } from '../../units.ts';
import type { TimedSample } from '../../black-box/contents.ts';
import { killOf, type Evidence } from './evidence.ts';
import type { Box } from './find.ts';
import type { KernelLog } from './kernel-log.ts';

/** An error that nobody caught ends the process in the same turn. */
const ERROR_BEFORE_EXIT_MS = 10_000;
/** Of the limit: the last reading is up to seconds old. */
const HEAP_FULL_SHARE = 0.85;
/** V8 gives up from 80 % on when it does little but collect (IsIneffectiveMarkCompact in its heap.cc); so at 76.8 of 96 MiB. */
const HEAP_THRASHING_SHARE = 0.78;
const THRASHING_CPU_PERCENT = 70;
/** Of the limit, in the last minute: what did not grow by so much was as well the day before. */
const HEAP_GROWTH_SHARE = 0.03;
const CONTAINER_FULL_SHARE = 0.9;
/** Its growth is carried on for this long, at least: between two samples it went on. */
const AHEAD_MS = 1000;
/** Beyond these the growth says nothing of what came after. */
const AHEAD_MS_MAX = 10_000;

/** What programs say when memory was refused them. */
const REFUSALS =
  /ERR_WORKER_OUT_OF_MEMORY|Array buffer allocation failed|ERR_MEMORY_ALLOCATION_FAILED|MemoryLimitError|MEMTOOL_LIMIT|Invalid string length|ENOMEM/;

/**
 * How the process ended. What it said itself counts first, then the kernel, then whoever started it, then what its figures
 * make likely.
 */
export function judgeEnding(box: Box, evidence: Evidence, unavailable: Unavailable, nowMs: number): LastEnding {
  const { own, starter, seconds, minutes } = box.contents;
  const lastAtMs = seconds.at(-1)?.atMs ?? minutes.at(-1)?.atMs ?? box.writtenAtMs;
  const build = (ending: Partial<LastEnding> & Pick<LastEnding, 'how' | 'certainty'>, atMs = lastAtMs): LastEnding => ({
    ofMemory: false,
    at: new Date(atMs).toISOString(),
    agoSeconds: nowMs >= atMs ? (nowMs - atMs) / 1000 : null,
    code: null,
    signal: null,
    error: null,
    because: [],
    kernelLine: null,
    ...ending,
  });
  if (box.isAlive) return build({ how: 'running', certainty: 'certain', because: ['It is still running.'] });
  if (own) return build(ownEnding(box), own.atMs);
  const log = evidence.kernelLog(lastAtMs);
  if (log.kind === 'unavailable') unavailable['kernel log'] = log.reason;
  const signal = starter?.signal ?? signalOf(starter?.code ?? null);
  const found =
    oomKill(box, log, lastAtMs) ??
    countedKill(box, evidence, signal) ??
    heapLimit(box, signal) ??
    fullContainer(box, log, signal) ??
    restart(box, evidence) ??
    unexplained(signal, log);
  return build({ ...found, signal: signal ?? found.signal ?? null, code: starter?.code ?? null });
}

type Finding = Partial<LastEnding> & Pick<LastEnding, 'how' | 'certainty'>;

function ownEnding({ contents: { own } }: Box): Finding {
  if (!own) return { how: 'exit', certainty: 'certain' };
  const { code, error, atMs } = own;
  const signal = signalOf(code);
  if (error && atMs - error.atMs <= ERROR_BEFORE_EXIT_MS) {
    const ofMemory = REFUSALS.test(error.text);
    return {
      how: 'error',
      certainty: 'certain',
      ofMemory,
      code,
      error: { text: error.text, stack: error.stack },
      because: [
        `It ended with the exit code ${code} after an error that nobody caught.`,
        ...(ofMemory ? ['The error says that memory was refused.'] : []),
      ],
    };
  }
  const meaning = signal === null ? '' : `, which by convention means ${signal}`;
  return {
    how: 'exit',
    certainty: 'certain',
    code,
    because: [`It ended by itself, with the exit code ${code}${meaning}.`],
  };
}

function oomKill({ contents: { head }, pid }: Box, log: KernelLog, lastAtMs: number): Finding | undefined {
  if (log.kind === 'unavailable') return undefined;
  const victim = { pid, hasHostPid: head?.hasHostPid ?? true, group: head?.group?.path ?? null, lastAtMs };
  const found = killOf(victim, log.kills);
  if (!found) return undefined;
  const { kill, isCertain } = found;
  return {
    how: 'oom-kill',
    certainty: isCertain ? 'certain' : 'likely',
    ofMemory: true,
    signal: 'SIGKILL',
    kernelLine: kill.text,
    because: [
      isCertain
        ? "The kernel's log names it."
        : "The kernel's log names a process that was killed at that time; which pid ours had there is not known.",
    ],
  };
}

function countedKill({ contents }: Box, evidence: Evidence, signal: string | null): Finding | undefined {
  const before = contents.details?.oomKills ?? null;
  const group = contents.head?.group ?? null;
  const now = group === null ? null : evidence.oomKills(group);
  if (before === null || now === null || now <= before || (signal !== null && signal !== 'SIGKILL')) return undefined;
  const kills = now - before;
  return {
    how: 'oom-kill',
    certainty: 'likely',
    ofMemory: true,
    signal: 'SIGKILL',
    because: [
      `Its control group has counted ${kills === 1 ? 'one kill' : `${kills} kills`} for want of memory since it was last heard of.`,
      ...containerSentence(contents.seconds),
    ],
  };
}

function heapLimit({ contents: { seconds } }: Box, signal: string | null): Finding | undefined {
  if (signal !== null && signal !== 'SIGABRT' && signal !== 'SIGILL' && signal !== 'SIGTRAP') return undefined;
  const last = seconds.at(-1);
  const usedBytes = last?.figures.heapUsedBytes ?? null;
  const limitBytes = last?.figures.heapLimitBytes ?? null;
  if (!last || usedBytes === null || limitBytes === null || limitBytes <= 0) return undefined;
  const heapAgeMs = last.figures.heapAgeMs ?? 0;
  const perMs = heapGrowthPerMs(seconds);
  const aheadBytes = usedBytes + perMs * Math.min(AHEAD_MS_MAX, AHEAD_MS + heapAgeMs);
  // What the process has grown by while its heap could not be read is mostly heap.
  const withRssBytes = usedBytes + rssGrowthSince(seconds, last.atMs - heapAgeMs);
  const share = Math.max(usedBytes, aheadBytes, withRssBytes) / limitBytes;
  const isThrashing = signal !== null || (last.figures.cpuPercent ?? 0) >= THRASHING_CPU_PERCENT;
  const isGrowing = perMs * 60_000 >= HEAP_GROWTH_SHARE * limitBytes || withRssBytes > aheadBytes;
  const isFull = share >= HEAP_FULL_SHARE && (isGrowing || isThrashing);
  if (!isFull && !(share >= HEAP_THRASHING_SHARE && isThrashing)) return undefined;
  const age = heapAgeMs >= 1000 ? `, ${formatSeconds(heapAgeMs / 1000)} before the end,` : '';
  const growth =
    usedBytes >= HEAP_FULL_SHARE * limitBytes
      ? ''
      : share >= HEAP_FULL_SHARE
        ? ', and grew fast enough to fill it'
        : ', where V8 gives up once collecting gets it nowhere';
  return {
    how: 'heap-limit',
    certainty: 'likely',
    ofMemory: true,
    because: [
      `When it was last read${age} the heap was ${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}${growth}.`,
      'Node.js then aborts; its stderr has `FATAL ERROR: ... JavaScript heap out of memory`.',
      ...(signal === null ? [] : [`It ended by ${signal}, as after an abort.`]),
    ],
  };
}

function fullContainer({ contents }: Box, log: KernelLog, signal: string | null): Finding | undefined {
  const { containerUsedBytes: used = null, containerLimitBytes: limit = null } = contents.seconds.at(-1)?.figures ?? {};
  // Had the kernel killed it, a log that can be read would say so.
  const isRuledOut = log.kind === 'read' && contents.head?.hasHostPid !== false;
  if (used === null || limit === null || isRuledOut || (signal !== null && signal !== 'SIGKILL')) return undefined;
  if (used < CONTAINER_FULL_SHARE * limit) return undefined;
  return { how: 'oom-kill', certainty: 'likely', ofMemory: true, because: containerSentence(contents.seconds) };
}

function restart({ contents: { head } }: Box, evidence: Evidence): Finding | undefined {
  const now = evidence.bootId();
  if (!head || head.bootId === null || now === null || head.bootId === now) return undefined;
  return {
    how: 'restart',
    certainty: 'likely',
    because: ['The machine has been started again since, or this is another one.'],
  };
}

function unexplained(signal: string | null, log: KernelLog): Finding {
  const kernel = log.kind === 'read' ? ["The kernel's log has no kill of it for want of memory."] : [];
  if (signal !== null) {
    const because = [`Whoever started it saw it end by ${signal}.`, ...(signal === 'SIGKILL' ? kernel : [])];
    return { how: 'signal', certainty: 'certain', because };
  }
  return {
    how: 'killed',
    certainty: 'unknown',
    because: [
      'It did not get to say anything: it was killed (SIGKILL, or a signal it does not handle, such as SIGTERM), or it crashed.',
      ...kernel,
    ],
  };
}

function containerSentence(seconds: readonly TimedSample[]): string[] {
  const { containerUsedBytes: used = null, containerLimitBytes: limit = null } = seconds.at(-1)?.figures ?? {};
  if (used === null || limit === null || limit <= 0) return [];
  return [`The container was at ${formatPercent((used / limit) * 100)} of its ${formatBytes(limit)}.`];
}

/** Between the first and the last reading of the last minute; 0 when it falls. */
function heapGrowthPerMs(seconds: readonly TimedSample[]): number {
  const last = seconds.at(-1);
  const first = seconds.find(
    ({ atMs, figures }) => figures.heapUsedBytes !== null && last !== undefined && atMs >= last.atMs - 60_000,
  );
  if (!last || !first || last.atMs <= first.atMs) return 0;
  return Math.max(0, (last.figures.heapUsedBytes ?? 0) - (first.figures.heapUsedBytes ?? 0)) / (last.atMs - first.atMs);
}

function rssGrowthSince(seconds: readonly TimedSample[], atMs: number): number {
  const then = seconds.findLast((sample) => sample.atMs <= atMs)?.figures.rssBytes ?? null;
  const now = seconds.at(-1)?.figures.rssBytes ?? null;
  return then === null || now === null ? 0 : Math.max(0, now - then);
}

/** 128 + signal, as shells count. */
function signalOf(code: number | null): string | null {
  if (code === null || code <= 128) return null;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] ?? null;
}
