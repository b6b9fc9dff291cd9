import { createInterface } from 'node:readline/promises';
import { MemtoolError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * Asks a yes-or-no question on the terminal; the report's own stream stays free of it.
 *
 * @param cause - What made the question necessary.
 * @param otherwise - What else can be done, after a comma.
 * @throws MemtoolError `MEMTOOL_NOT_CONFIRMED` unless the answer is yes, and when there is nobody to ask.
 */
export async function confirm(
  question: string,
  cause: string,
  { input, errors, json }: Context,
  otherwise: string = ', or --dry-run to see what it would do',
): Promise<void> {
  if (json || !input.isTTY || !errors.isTTY) {
    throw new MemtoolError(
      'MEMTOOL_NOT_CONFIRMED',
      `${cause} needs a confirmation, and there is no terminal to ask on. Nothing was changed.`,
      {
        hint: `Add --yes to confirm it${otherwise}.`,
      },
    );
  }
  const reader = createInterface({ input, output: errors });
  // Ctrl-C and a closed input are answers too.
  const unanswered = new AbortController();
  reader.once('close', () => unanswered.abort());
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: unanswered.signal }).catch(() => '');
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    reader.close();
  }
  throw new MemtoolError('MEMTOOL_NOT_CONFIRMED', 'Not confirmed. Nothing was changed.', {
    hint: `Answer y to go on${otherwise.replace('or ', 'or add ')}.`,
  });
}
