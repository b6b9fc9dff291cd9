import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError } from '../errors.ts';
import { parseSeconds } from '../units.ts';
import { cleanup } from './cleanup.ts';
import { createStyle, EXIT_FAILURE, EXIT_NOTHING, type Context } from './context.ts';
import { assertShown, leakedBytes } from './demo-evidence.ts';
import { startDemoService, type DemoService, type LoadDone } from './demo-service.ts';
import { leaks } from './leaks.ts';
import { pressure } from './pressure.ts';
import { startProgress } from './progress.ts';
import { stats } from './stats.ts';
import { hanging } from '../render/text.ts';

export interface DemoFlags {
  keep?: boolean;
  seconds?: string;
}

/** Growth is told after ten seconds, so a little longer. */
const DEFAULT_LOAD_SECONDS = 11;
const LOAD_SECONDS_MAX = 600;
/** Short, since the demo's memory is only seconds old. */
const AGE = '2s';
const AGE_MS = 2000;

interface Step {
  /** Why one would type it. */
  reason: string;
  typed: string;
  run(context: Context): Promise<number>;
}

/** `memtool demo [--keep] [--seconds 11]` */
export async function demo(flags: DemoFlags, context: Context): Promise<number> {
  const seconds = flags.seconds === undefined ? DEFAULT_LOAD_SECONDS : parseSeconds(flags.seconds, '--seconds');
  if (seconds < 1 || seconds > LOAD_SECONDS_MAX) {
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      `--seconds is ${flags.seconds}: the load takes 1 to ${LOAD_SECONDS_MAX} seconds.`,
      {
        hint: `Leave it out for the usual ${DEFAULT_LOAD_SECONDS} seconds.`,
      },
    );
  }
  const interruption = new Interruption();
  const service = startDemoService(context.directory, flags.keep ?? false);
  try {
    return await Promise.race([
      play(service, seconds, flags.keep ?? false, context, interruption.signal),
      interruption.exitCode,
    ]);
  } finally {
    await service.stop();
    interruption.stop();
  }
}

async function play(
  service: DemoService,
  seconds: number,
  keep: boolean,
  context: Context,
  signal: AbortSignal,
): Promise<number> {
  const tell = await narrator(context);
  const pid = await service.ready;
  tell(
    `A small query service is now running as process ${pid}. Two worker threads run the queries of four users, with memory from three pools that they share. One user has a limit, and one kind of query forgets to give its memory back.`,
  );
  const done = await load(service, seconds, context, tell, signal);
  // What the last queries cached is to be older than the age that is asked for.
  await sleep(AGE_MS, undefined, { signal });
  const leaked = await leakedBytes(pid, context);
  for (const step of stepsFor(String(pid))) {
    signal.throwIfAborted();
    tell(`\n${step.reason}\n$ ${step.typed}\n`);
    if ((await step.run({ ...context, watchSeconds: undefined })) === EXIT_FAILURE) return EXIT_FAILURE;
  }
  assertShown({ refusal: done.refusal, before: leaked, after: await leakedBytes(pid, context) });
  if (!keep) {
    tell(
      '\nThe forgotten memory was found, named and given back, while the service ran on. It ends now; `memtool demo --keep` leaves it running.',
    );
    return EXIT_NOTHING;
  }
  await service.keep();
  tell(
    `\nThe service keeps running. Look at it with \`memtool stats ${pid} --watch\`, \`memtool leaks ${pid} --age ${AGE}\`; end it with \`kill ${pid}\`.`,
  );
  return EXIT_NOTHING;
}

function stepsFor(pid: string): Step[] {
  const leaksStep = (reason: string): Step => ({
    reason,
    typed: `memtool leaks ${pid} --age ${AGE}`,
    run: (context) => leaks(pid, { age: AGE }, { ...context, command: 'leaks' }),
  });
  return [
    {
      reason: 'What is used, by pool and by whom, against its limit?',
      typed: `memtool stats ${pid}`,
      run: (context) => stats(pid, {}, { ...context, command: 'stats' }),
    },
    {
      reason: 'How close is each limit, and when will it be hit?',
      typed: `memtool pressure ${pid}`,
      run: (context) => pressure(pid, { ...context, command: 'pressure' }),
    },
    leaksStep('What has been held too long, by whom, and is that a leak?'),
    {
      reason: 'Give back what nobody needs any more.',
      typed: `memtool cleanup ${pid} --age ${AGE} --gc`,
      run: (context) => cleanup(pid, { age: AGE, gc: true }, { ...context, command: 'cleanup' }),
    },
    leaksStep('Is it gone?'),
  ];
}

async function load(
  service: DemoService,
  seconds: number,
  context: Context,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<LoadDone> {
  const progress = startProgress(context, 'Querying', seconds * 1000, {
    showAfterMs: context.errors.isTTY ? 0 : undefined,
  });
  signal.addEventListener('abort', () => progress.stop());
  try {
    const done = await service.load(seconds, ({ done: fraction, queries, refused }) =>
      progress.update(fraction, `${queries} queries, ${refused} refused`),
    );
    progress.stop();
    tell(tellLoad(seconds, done));
    return done;
  } finally {
    progress.stop();
  }
}

function tellLoad(seconds: number, { queries, refused, refusal }: LoadDone): string {
  const count = `In ${seconds} seconds they asked for ${queries} queries.`;
  if (refusal === undefined) return count;
  const { user, reason, hint } = refusal;
  return `${count} The service refused ${refused} of them and went on; the last time it told user ${user}:\n> ${reason}\n> ${hint}`;
}

/** Says what happens on stdout, among the commands' output; nothing with `--json`. */
async function narrator(context: Context): Promise<(text: string) => void> {
  if (context.json) return () => undefined;
  const { width, theme } = await createStyle(context.color, context.output);
  const draw = (line: string): string[] => {
    if (line.startsWith('$ ')) return [theme.strong(line)];
    // What the service itself has said.
    if (line.startsWith('> ')) return hanging('  ', line.slice(2), width);
    return hanging('', line, width);
  };
  return (text) => void context.output.write(`${text.split('\n').flatMap(draw).join('\n')}\n`);
}

/** Ctrl-C and a closed terminal end the demo; the service must not outlive it. */
class Interruption {
  readonly exitCode: Promise<number>;
  readonly #controller = new AbortController();
  readonly #signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  #interrupt: (signal: NodeJS.Signals) => void = () => undefined;

  constructor() {
    this.exitCode = new Promise((resolve) => {
      this.#interrupt = (signal) => {
        resolve(128 + constants.signals[signal]);
        this.#controller.abort();
      };
    });
    for (const signal of this.#signals) process.on(signal, this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    for (const signal of this.#signals) process.off(signal, this.#interrupt);
  }
}
