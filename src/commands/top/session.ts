import { setTimeout as sleep } from 'node:timers/promises';
import type { Theme } from '../../render/style.ts';
import { openedProcess, shownProcesses } from '../../render/top/order.ts';
import { renderTop } from '../../render/top/top.ts';
import type { TopState, TopStatus } from '../../report/top.ts';
import type { Context } from '../context.ts';
import { press, type Effect, type Key } from './keys.ts';
import { Poll } from './poll.ts';
import { initialState, update, type TopEvent } from './state.ts';
import { Terminal } from './terminal.ts';

/** Answers that come together are drawn together. */
const DRAW_EVERY_MS = 50;
/** The clock, and ages of what is paused or over. */
const TICK_MS = 1000;

interface Ending {
  code: number;
  error?: unknown;
}

/** From the first page to the key that ends it: what is known, who is asked, what is drawn. */
export class Session {
  readonly #terminal: Terminal;
  readonly #poll: Poll;
  readonly #theme: Theme;
  readonly #ended: Promise<Ending>;
  #end: (ending: Ending) => void = () => undefined;
  #state: TopState;
  #woken: AbortController | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(target: string | undefined, intervalSeconds: number, context: Context, theme: Theme) {
    this.#theme = theme;
    this.#state = initialState(target, intervalSeconds, Date.now());
    this.#poll = new Poll(target, context, (event) => this.#happened(event));
    this.#terminal = new Terminal(context, {
      onKey: (key) => this.#pressed(key),
      onRedraw: () => this.#draw(),
      onEnd: (code, error) => this.#end({ code, error }),
    });
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  /**
   * @param isOne whether a single process was named, which is then opened.
   * @returns the exit code
   * @throws what the first look fails with, before the terminal is taken, and what goes wrong in ourselves
   */
  async run(isOne: boolean): Promise<number> {
    await this.#poll.start();
    const [first] = this.#state.processes;
    if (isOne && first) this.#state = { ...this.#state, opened: first.key, selected: first.key };
    let clock: NodeJS.Timeout | undefined;
    try {
      this.#terminal.open();
      this.#draw();
      clock = setInterval(() => this.#happened({ kind: 'tick' }), TICK_MS);
      const looking = this.#lookAgainAndAgain().catch((error: unknown) => this.#end({ code: 2, error }));
      const { code, error } = await this.#ended;
      this.#isOver = true;
      this.#woken?.abort();
      await looking;
      if (error !== undefined) throw error;
      return code;
    } finally {
      this.#isOver = true;
      clearInterval(clock);
      clearTimeout(this.#drawing);
      this.#terminal.close();
    }
  }

  async #lookAgainAndAgain(): Promise<void> {
    while (!this.#isOver) {
      this.#woken = new AbortController();
      if (this.#state.pausedAtMs === null) {
        // Nothing waits for anything else: what hangs is left out of the next look.
        this.#look('answering', 'silent', 'waiting');
        void this.#poll.list().then(() => this.#look('waiting'));
      }
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await sleep(this.#state.intervalSeconds * 1000, undefined, { signal: this.#woken.signal }).catch(() => undefined);
    }
  }

  /** Only what is shown is asked: we are guests. */
  #look(...statuses: TopStatus[]): void {
    if (this.#isOver || this.#state.pausedAtMs !== null) return;
    const opened = openedProcess(this.#state);
    const shown = opened ? [opened] : shownProcesses(this.#state);
    this.#poll.look(
      shown.filter(({ status }) => statuses.includes(status)).map(({ key }) => key),
      opened?.key ?? null,
    );
  }

  #happened(event: TopEvent): void {
    this.#state = update(this.#state, event, Date.now());
    this.#drawing ??= setTimeout(() => this.#draw(), DRAW_EVERY_MS);
  }

  #pressed(key: Key): void {
    const { state, effect } = press(this.#state, key, Date.now());
    this.#state = state;
    if (effect) this.#do(effect);
    this.#draw();
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case 'quit':
        return this.#end({ code: effect.code });
      case 'suspend':
        return this.#terminal.suspend();
      case 'redraw':
        return this.#terminal.canvas.forget();
      case 'look':
        this.#woken?.abort();
        return;
      case 'foresee':
        return void this.#poll.cleanup(effect.key, true);
      case 'clean':
        return void this.#poll.cleanup(effect.key, false);
      case 'leaks':
        return void this.#poll.leaks(effect.key, effect.ageSeconds, effect.withHeap);
    }
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    if (this.#isOver) return;
    const { width, height } = this.#terminal.size;
    const { lines, scrollMax } = renderTop(this.#state, width, height, this.#theme);
    this.#state = update(this.#state, { kind: 'drawn', scrollMax }, this.#state.nowMs);
    this.#terminal.canvas.draw(lines);
  }
}
