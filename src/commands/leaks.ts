import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError } from '../errors.ts';
import { askLeaks } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { DEFAULT_AGE_SECONDS, PAUSE_SECONDS_DEFAULT } from '../protocol.ts';
import { isFailure, SCHEMA_VERSION } from '../report/document.ts';
import type { LeaksReport, ProcessLeaks } from '../report/leaks.ts';
import { formatSeconds, parseSeconds } from '../units.ts';
import { collectEach, needsAgent, nothingRunning } from './collect.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { startProgress } from './progress.ts';
import { exitCodeOf, show } from './show.ts';

export interface LeaksFlags {
  age?: string;
  wait?: boolean;
  maxPause?: string;
  retainers?: string;
  yes?: boolean;
}

interface Asked {
  ageSeconds: number;
  pauseSecondsMax: number;
  wait: boolean;
}

/** To see what is older than the age, and to see it grow, the watch must be longer than the age. */
const WATCH_PER_AGE = 1.5;
const READ_EVERY_MS = 5 * 60_000;
/** An agent that has just read a large heap answers from that reading, which may be too early: then it is waited for again. */
const WAITS_MAX = 5;
const PAUSE_SECONDS_MAX = 60;
const WAIT_SECONDS_MAX = 24 * 3600;

/** `memtool leaks [target] [--age 300] [--wait] [--max-pause 1s]` */
export async function leaks(target: string | undefined, flags: LeaksFlags, context: Context): Promise<number> {
  const asked: Asked = {
    ageSeconds: flags.age === undefined ? DEFAULT_AGE_SECONDS : parseSeconds(flags.age, '--age'),
    pauseSecondsMax: flags.maxPause === undefined ? PAUSE_SECONDS_DEFAULT : pauseSeconds(flags.maxPause),
    wait: flags.wait ?? false,
  };
  if (asked.wait) checkWait(asked, context);
  if (flags.retainers !== undefined) checkRetainers(flags, context);
  return show<LeaksReport>(
    {
      isWatched: asked.wait || flags.retainers !== undefined,
      collect: () =>
        flags.retainers === undefined
          ? collect(target, asked, context)
          : withRetainers(target, flags.retainers, flags, asked, context),
      load: async () => (await import('../render/leaks.ts')).renderLeaks,
      exitCode: ({ processes }) => exitCodeOf(processes, processes.some(hasFindings) ? EXIT_FINDINGS : EXIT_NOTHING),
    },
    context,
  );
}

async function withRetainers(
  target: string | undefined,
  place: string,
  flags: LeaksFlags,
  { ageSeconds, pauseSecondsMax }: Asked,
  context: Context,
): Promise<LeaksReport> {
  const { collectRetainers } = await import('./retainers.ts');
  const isPauseSaid = flags.maxPause !== undefined;
  const question = { place, ageSeconds, pauseSecondsMax, isPauseSaid, isConfirmed: flags.yes ?? false };
  return collectRetainers(target, question, context);
}

async function collect(target: string | undefined, asked: Asked, context: Context): Promise<LeaksReport> {
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  let processes = await collectEach(targets, (one) => leaksOf(one, asked, context));
  for (let time = 0; asked.wait && time < WAITS_MAX; time += 1) {
    const seconds = Math.max(0, ...processes.map((found) => secondsToWait(found, asked.ageSeconds)));
    if (seconds === 0) break;
    await watchFor(seconds, asked, context, () => collectEach(targets, (one) => leaksOf(one, asked, context)));
    processes = await collectEach(targets, (one) => leaksOf(one, asked, context));
  }
  return { schemaVersion: SCHEMA_VERSION, command: 'leaks', ageSeconds: asked.ageSeconds, processes };
}

async function leaksOf(target: Target, asked: Asked, context: Context): Promise<ProcessLeaks> {
  if (target.kind === 'bare') throw needsAgent(target, 'only an agent can tell what is leaked');
  return askLeaks(target.agent, context.timeoutMs, asked.ageSeconds, asked.pauseSecondsMax);
}

/** Waits, and has the heap read half-way: what lives then and is gone at the end was no leak. */
async function watchFor(seconds: number, asked: Asked, context: Context, read: () => Promise<unknown>): Promise<void> {
  const progress = startProgress(
    context,
    `Watching, for what is older than ${formatSeconds(asked.ageSeconds)}`,
    seconds * 1000,
    { showAfterMs: 0 },
  );
  try {
    const endAt = performance.now() + seconds * 1000;
    let readAt = endAt - (seconds / 2) * 1000;
    for (let now = performance.now(); now < endAt; now = performance.now()) {
      await sleep(Math.min(endAt, readAt) - now);
      if (performance.now() >= endAt) break;
      await read();
      // Now and then, or an agent that was attached would take it that nobody is there any more.
      readAt = performance.now() + READ_EVERY_MS;
    }
  } finally {
    progress.stop();
  }
}

function secondsToWait(found: LeaksReport['processes'][number], ageSeconds: number): number {
  if (isFailure(found) || found.heap === undefined) return 0;
  return found.heap.watchedSeconds > ageSeconds ? 0 : Math.ceil(ageSeconds * WATCH_PER_AGE - found.heap.watchedSeconds);
}

function checkWait({ ageSeconds }: Asked, { watchSeconds }: Context): void {
  if (watchSeconds !== undefined) {
    throw new MemtoolError('MEMTOOL_USAGE', '--wait and --watch cannot be used together.', {
      hint: '--wait answers once, when it can; --watch asks again and again.',
    });
  }
  if (ageSeconds * WATCH_PER_AGE > WAIT_SECONDS_MAX) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--wait would take more than a day with --age ${ageSeconds}.`, {
      hint: 'Attach for longer instead (`memtool attach <pid> --idle 2d`), and ask then.',
    });
  }
}

function checkRetainers({ wait }: LeaksFlags, { watchSeconds }: Context): void {
  if (watchSeconds === undefined && !wait) return;
  throw new MemtoolError('MEMTOOL_USAGE', `--retainers and ${wait ? '--wait' : '--watch'} cannot be used together.`, {
    hint: 'Look with `memtool leaks` until there is a leak, and ask for what keeps it then.',
  });
}

function pauseSeconds(text: string): number {
  const seconds = parseSeconds(text, '--max-pause');
  if (seconds <= PAUSE_SECONDS_MAX) return seconds;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--max-pause is ${text}: it must be at most 1m.`, {
    hint: 'For example: --max-pause 5s',
  });
}

function hasFindings(found: LeaksReport['processes'][number]): boolean {
  return !isFailure(found) && found.leaks.some(({ verdict }) => verdict === 'leak' || verdict === 'suspect');
}
