import { MemtoolError } from '../errors.ts';
import { PAUSE_SECONDS_DEFAULT } from '../protocol.ts';
import { parseSeconds } from '../units.ts';

const PAUSE_SECONDS_MAX = 60;

/** Value of `--max-pause`, in seconds: a heap that would stop the application for longer is not read. */
export function readMaxPause(text: string | undefined): number {
  if (text === undefined) return PAUSE_SECONDS_DEFAULT;
  const seconds = parseSeconds(text, '--max-pause');
  if (seconds <= PAUSE_SECONDS_MAX) return seconds;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--max-pause is ${text}: it must be at most 1m.`, {
    hint: 'For example: --max-pause 5s',
  });
}
