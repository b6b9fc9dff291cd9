/** Ctrl-C, `kill` and a closed terminal end a recording as it should end: with what was recorded, and what to do with it. */
export class Endings {
  readonly #controller = new AbortController();
  readonly #end = (): void => this.#controller.abort();
  readonly #hangUp = (): void => {
    // Node.js takes back that `nohup` had SIGHUP ignored: who has no terminal does not end with one.
    if (process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY) this.#end();
  };

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  listen(): void {
    process.on('SIGINT', this.#end);
    process.on('SIGTERM', this.#end);
    process.on('SIGHUP', this.#hangUp);
  }

  /** For what else ends it. */
  end(): void {
    this.#end();
  }

  stop(): void {
    process.off('SIGINT', this.#end);
    process.off('SIGTERM', this.#end);
    process.off('SIGHUP', this.#hangUp);
  }
}
