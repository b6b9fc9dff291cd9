import { MemtoolError } from '../errors.ts';
import { loadTheme } from '../render/style.ts';
import { parseSeconds } from '../units.ts';
import type { Context } from './context.ts';
import { Session } from './top/session.ts';

export interface TopFlags {
  interval?: string;
}

const INTERVAL_SECONDS_DEFAULT = 2;
const INTERVAL_SECONDS_MIN = 0.1;
const INTERVAL_SECONDS_MAX = 3600;

/** `memtool top [target] [--interval 2s]` */
export async function top(target: string | undefined, flags: TopFlags, context: Context): Promise<number> {
  const intervalSeconds = readInterval(flags.interval);
  checkTerminal(target, context);
  const session = new Session(target, intervalSeconds, context, await loadTheme(context.color));
  return session.run(target !== undefined && /^\d+$/.test(target));
}

function readInterval(text: string | undefined): number {
  if (text === undefined) return INTERVAL_SECONDS_DEFAULT;
  const seconds = parseSeconds(text, '--interval');
  if (seconds >= INTERVAL_SECONDS_MIN && seconds <= INTERVAL_SECONDS_MAX) return seconds;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    `--interval is ${text}: it must be between ${INTERVAL_SECONDS_MIN} and ${INTERVAL_SECONDS_MAX} seconds.`,
    { hint: 'For example: --interval 5s' },
  );
}

/** A screen that is drawn over needs somebody who looks at it, and keys. */
function checkTerminal(target: string | undefined, { json, input, output }: Context): void {
  const problem = json
    ? 'top is a screen to look at, and has no JSON.'
    : output.isTTY && input.isTTY
      ? process.env['TERM'] === 'dumb'
        ? 'top needs a terminal that can be drawn on, and TERM is dumb.'
        : undefined
      : `top needs a terminal, and ${output.isTTY ? 'its input' : 'its output'} is none.`;
  if (problem === undefined) return;
  const words = target === undefined ? '' : `${target} `;
  throw new MemtoolError('MEMTOOL_USAGE', problem, {
    hint: `Use \`memtool stats ${words}--watch --json\`, one line a look; without --json it is drawn.`,
  });
}
