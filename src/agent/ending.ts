import { join } from 'node:path';
import { BlackBoxFile } from '../black-box/file.ts';
import { ENDINGS } from '../black-box/layout.ts';
import type { BoxError, OwnEnding } from '../black-box/notes.ts';
import { boundedText } from './bounded-text.ts';
import type { Control } from './control.ts';
import { removeFile } from './failure.ts';
import type { WorkerStart } from './messages.ts';

const TEXT_CHARACTERS_MAX = 400;
const FRAMES_MAX = 5;
const FRAME_CHARACTERS_MAX = 160;

/** What becomes of the black box when the process ends by itself, told by its main thread. Never throws. */
export class Ending {
  readonly #path: string | undefined;
  readonly #control: Control;
  #error: BoxError | null = null;

  constructor({ directory, blackBoxName }: Pick<WorkerStart, 'directory' | 'blackBoxName'>, control: Control) {
    this.#path = blackBoxName === null ? undefined : join(directory, blackBoxName);
    this.#control = control;
  }

  /** Remembers the last error that nobody has caught; which changes nothing of what it does. @returns how to stop */
  watchErrors(): () => void {
    if (this.#path === undefined) return () => {};
    const listener = (error: unknown): void => {
      this.#error = described(error);
    };
    process.on('uncaughtExceptionMonitor', listener);
    return () => void process.off('uncaughtExceptionMonitor', listener);
  }

  /** A clean exit leaves nothing to look at; any other is noted in the black box, which stays. */
  note(code: number): void {
    if (this.#path === undefined) return;
    this.#control.closeBox();
    if (code === 0) return removeFile(this.#path);
    try {
      const file = BlackBoxFile.open(this.#path);
      const { rss, heapUsed } = process.memoryUsage();
      const ending: OwnEnding = {
        atMs: Date.now(),
        code,
        error: this.#error,
        rssBytes: rss,
        heapUsedBytes: heapUsed,
      };
      if (!file.writeBlock(ENDINGS.own, 0, ending)) file.writeBlock(ENDINGS.own, 0, { ...ending, error: null });
      file.close();
    } catch {
      // There is none, or it cannot be written: nobody is left to be told.
    }
  }

  forget(): void {
    if (this.#path !== undefined) removeFile(this.#path);
  }
}

/** Anything may be thrown, also what throws when it is looked at. */
function described(error: unknown): BoxError {
  let text = 'something that cannot be shown';
  let stack: string[] = [];
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    stack = error instanceof Error ? framesOf(error.stack ?? '') : [];
  } catch {
    // As it is.
  }
  return { text: boundedText(text, TEXT_CHARACTERS_MAX), stack, atMs: Date.now() };
}

/** `fn (file:line:col)`, innermost first; Node's own only where there is nothing else. */
function framesOf(stack: string): string[] {
  const frames = stack
    .split('\n')
    .map((line) => /^ {4}at (.*)$/.exec(line)?.[1])
    .filter((frame) => frame !== undefined);
  const own = frames.filter((frame) => !frame.includes('node:'));
  return (own.length > 0 ? own : frames).slice(0, FRAMES_MAX).map((frame) => boundedText(frame, FRAME_CHARACTERS_MAX));
}
