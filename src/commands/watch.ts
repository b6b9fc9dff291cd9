import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError, type ErrorCode } from '../errors.ts';
import { renderError } from '../render/error.ts';
import { createStyle, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_NOTHING, type Context } from './context.ts';
import { errorReport, reported } from './failure.ts';
import { openScreen } from './screen.ts';
import type { Draw, View } from './show.ts';

/** Failures that may be over at the next look; any other ends the watch. */
const PASSING: ErrorCode[] = ['MEMTOOL_TIMEOUT', 'MEMTOOL_BUSY'];

type Ending = 'interrupted' | 'ended';

/**
 * Looks again and again: redrawn in place on a terminal, one JSON object a line with `--json`, one drawing after the other
 * otherwise. Ctrl-C ends it with 130; SIGTERM, or a reader that goes away, with the last look's code.
 */
export async function watch<Report extends object>(
  view: View<Report>,
  context: Context,
  seconds: number,
): Promise<number> {
  const { output } = context;
  const draw = context.json ? undefined : await view.load();
  const ending = new EndingListener(output);
  let code = EXIT_NOTHING;
  let looked = false;
  const screen = draw && output.isTTY ? openScreen(output, `every ${seconds} s, Ctrl-C ends`) : undefined;
  try {
    for (;;) {
      const nextAt = performance.now() + seconds * 1000;
      const frame = await Promise.race([look(view, context, draw, looked), ending.promise]);
      if (typeof frame === 'string') return frame === 'interrupted' ? EXIT_INTERRUPTED : code;
      code = frame.code;
      looked = true;
      if (screen) await screen.show(frame.text);
      else output.write(`${await frame.text()}\n${draw ? '\n' : ''}`);
      const woken = new AbortController();
      await Promise.race([
        sleep(Math.max(0, nextAt - performance.now()), undefined, { signal: woken.signal }).catch(() => undefined),
        ending.promise,
      ]);
      woken.abort();
    }
  } finally {
    await screen?.close();
    ending.stop();
  }
}

interface Frame {
  code: number;
  /** Drawn anew when the terminal's width changes. */
  text: () => Promise<string>;
}

async function look<Report extends object>(
  view: View<Report>,
  context: Context,
  draw: Draw<Report> | undefined,
  looked: boolean,
): Promise<Frame> {
  try {
    const report = await view.collect();
    const text = async (): Promise<string> =>
      draw ? draw(report, await createStyle(context.color, context.output)) : JSON.stringify(report);
    return { code: view.exitCode(report), text };
  } catch (error) {
    if (!(error instanceof MemtoolError)) throw error;
    if (looked && error.code === 'MEMTOOL_NO_PROCESS') throw ended(error);
    if (!PASSING.includes(error.code)) throw error;
    const text = async (): Promise<string> =>
      draw
        ? renderError(reported(error), await createStyle(context.color, context.output))
        : JSON.stringify(errorReport(context.command, error));
    return { code: EXIT_FAILURE, text };
  }
}

/** What was there at the last look did not have a wrong name. */
function ended(cause: MemtoolError): MemtoolError {
  return new MemtoolError('MEMTOOL_TARGET_GONE', 'What was watched has ended.', {
    hint: 'Run `memtool ps` to see what is running now.',
    cause,
  });
}

/** Waits for what ends a watch, until it is stopped. */
class EndingListener {
  readonly promise: Promise<Ending>;
  readonly #output: NodeJS.WriteStream;
  #interrupted: () => void = () => undefined;
  #ended: () => void = () => undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
    this.promise = new Promise((resolve) => {
      this.#interrupted = () => resolve('interrupted');
      this.#ended = () => resolve('ended');
    });
    process.on('SIGINT', this.#interrupted);
    process.on('SIGTERM', this.#ended);
    process.on('SIGHUP', this.#ended);
    // The reader of a pipe went away.
    output.on('error', this.#ended);
  }

  stop(): void {
    process.off('SIGINT', this.#interrupted);
    process.off('SIGTERM', this.#ended);
    process.off('SIGHUP', this.#ended);
    this.#output.off('error', this.#ended);
  }
}
