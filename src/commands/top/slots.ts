/**
 * Lets a number of tasks run at once. One that takes long gives its place to the next and goes on beside it: what hangs must
 * not hold up what answers.
 */
export class Slots {
  readonly #slowMs: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param slowMs a task that runs for longer than this waits for somebody else, and costs nothing. */
  constructor(count: number, slowMs: number) {
    this.#free = count;
    this.#slowMs = slowMs;
  }

  async run(task: () => Promise<void>): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
    const slow = setTimeout(release, this.#slowMs);
    try {
      await task();
    } finally {
      clearTimeout(slow);
      release();
    }
  }
}
