import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Proven } from './proof.ts';

/**
 * Sees to it that an inspector which we have a process open is closed although we are killed: a shell that waits for our
 * word (2 ms to start, under 1 MB). When we end without it, by whatever, the shell becomes a Node that closes it.
 */
export class Guard {
  readonly #input: Writable;

  private constructor(input: Writable) {
    this.#input = input;
  }

  /** @param known sockets that the process listened on before; none of them is touched */
  static start({ pid, startTime }: Proven, known: readonly string[], bundles: URL): Guard {
    const closer = fileURLToPath(new URL('attach-closer.cjs', bundles));
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        // The first word says that there is something to guard.
        'read -r word || exit 0; read -r word; [ "$word" = done ] || exec "$@"',
        'memtool-guard',
        process.execPath,
        closer,
        String(pid),
        startTime,
        known.join(),
      ],
      { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env: {} },
    );
    // Without a shell there is no guard, and we go on with care.
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    child.unref();
    return new Guard(child.stdin);
  }

  /** From now on there may be an inspector to close. To be said before the signal is sent. */
  begin(): void {
    this.#input.write('signalled\n');
  }

  /** The inspector is closed. */
  done(): void {
    this.#input.end('done\n');
  }

  /** We cannot wait for it any longer: the guard closes it when it opens, or when its main thread comes back. */
  takeOver(): void {
    this.#input.end();
  }
}
