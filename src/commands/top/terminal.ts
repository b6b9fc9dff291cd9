import { writeSync } from 'node:fs';
import { emitKeypressEvents, type Interface } from 'node:readline';
import { Canvas, LEAVE_SCREEN } from '../canvas.ts';
import type { Context } from '../context.ts';
import type { Key } from './keys.ts';

/** A lone Esc and the first byte of an arrow key are the same; what follows it comes at once, over a network nearly so. */
const ESCAPE_WAIT_MS = 50;

/** 128 + the number of the signal, as shells count. */
const ENDINGS: [signal: NodeJS.Signals, code: number][] = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGQUIT', 131],
];
const HUNG_UP = 129;

export interface TerminalEvents {
  onKey(key: Key): void;
  /** The screen has to be drawn anew. */
  onRedraw(): void;
  /** Somebody or something ends us; `error` is what goes wrong in ourselves. */
  onEnd(code: number, error?: unknown): void;
}

/** The terminal as a screen and a keyboard; whatever happens, it is given back as it was. */
export class Terminal {
  readonly canvas: Canvas;
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #events: TerminalEvents;
  readonly #listeners: (() => void)[] = [];
  #isOurs = false;

  constructor({ input, output }: Pick<Context, 'input' | 'output'>, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
    this.canvas = new Canvas(output);
  }

  get size(): { width: number; height: number } {
    // A terminal that does not know its size says 0.
    return { width: this.#output.columns || 80, height: this.#output.rows || 24 };
  }

  open(): void {
    const events = this.#events;
    const hangUp = (): void => events.onEnd(HUNG_UP);
    const impatient: Interface = Object.assign(Object.create(null), { escapeCodeTimeout: ESCAPE_WAIT_MS });
    emitKeypressEvents(this.#input, impatient);
    this.#listen(this.#input, 'keypress', (text: string | undefined, key: Partial<Key>) =>
      events.onKey(readKey(text, key)),
    );
    this.#listen(this.#input, 'end', hangUp);
    this.#listen(this.#input, 'error', hangUp);
    this.#listen(this.#output, 'error', hangUp);
    this.#listen(this.#output, 'resize', () => {
      this.canvas.forget();
      events.onRedraw();
    });
    for (const [signal, code] of ENDINGS) this.#listen(process, signal, () => events.onEnd(code));
    this.#listen(process, 'SIGTSTP', () => this.suspend());
    this.#listen(process, 'SIGCONT', () => this.#resume());
    this.#listen(process, 'uncaughtException', (error: unknown) => events.onEnd(2, error));
    this.#listen(process, 'unhandledRejection', (error: unknown) => events.onEnd(2, error));
    // The last resort: whoever calls `process.exit` does not leave a terminal without a cursor behind.
    this.#listen(process, 'exit', () => this.#giveBackNow());
    this.#take();
  }

  close(): void {
    this.#giveBack();
    for (const stop of this.#listeners.splice(0)) stop();
    this.#input.pause();
  }

  /** Ctrl-Z: the shell has the terminal until we are continued. */
  suspend(): void {
    this.#giveBack();
    const listeners = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    // Of the whole group, as the terminal does it: npx and its shell are stopped, too. It stops us here, or, where there is
    // nobody to continue us, not at all.
    process.kill(0, 'SIGTSTP');
    for (const listener of listeners) process.on('SIGTSTP', listener);
    this.#resume();
  }

  /** Also after a stop that could not be noticed: the shell has set the terminal as it likes it meanwhile. */
  #resume(): void {
    if (this.#isOurs) {
      // Node.js believes that it is still raw, and would do nothing.
      this.#input.setRawMode(false);
      this.#isOurs = false;
    }
    this.#take();
    this.#events.onRedraw();
  }

  #take(): void {
    if (this.#isOurs) return;
    this.#isOurs = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.canvas.enter();
  }

  #giveBack(): void {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.canvas.leave();
    this.#restoreInput();
  }

  #giveBackNow(): void {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    try {
      writeSync(1, LEAVE_SCREEN);
    } catch {
      // It is gone.
    }
    this.#restoreInput();
  }

  #restoreInput(): void {
    try {
      this.#input.setRawMode(false);
    } catch {
      // It is gone.
    }
  }

  #listen(
    emitter: NodeJS.EventEmitter,
    event: string | symbol,
    listener: Parameters<NodeJS.EventEmitter['on']>[1],
  ): void {
    emitter.on(event, listener);
    this.#listeners.push(() => emitter.off(event, listener));
  }
}

function readKey(text: string | undefined, { name = '', ctrl = false, shift = false }: Partial<Key>): Key {
  // What a key of several bytes would type is no text.
  const isText = text !== undefined && !ctrl && /^[^\p{Cc}]$/u.test(text);
  return { text: isText ? text : '', name, ctrl, shift };
}
