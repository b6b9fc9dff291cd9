import type { Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError } from '../errors.ts';
import type { Control } from './control.ts';
import { removeFile } from './failure.ts';
import type { WorkerStart } from './messages.ts';
import { sessionsReleased } from './sessions.ts';

export interface DepartureSources {
  start: WorkerStart;
  control: Control;
  server: Server;
  /** Ends what the agent does by the clock. */
  stop: () => void;
}

/** Who asked for it still gets the answer. */
const ANSWER_MS = 200;

/**
 * How an agent that was sent into a process goes away again: when it is asked to, or when nobody has asked it anything for a
 * while. Of the process' own main thread the rest is taken back when it hears that this thread has ended.
 */
export class Departure {
  readonly #sources: DepartureSources;
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: DepartureSources) {
    this.#sources = sources;
    this.putOff();
  }

  /** Somebody has asked something. */
  putOff(): void {
    const { idleMs } = this.#sources.start;
    if (idleMs === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#leave(), idleMs).unref();
  }

  /** @throws MemtoolError `MEMTOOL_BAD_REQUEST` when the application started the agent itself */
  onRequest(): { pid: number } {
    if (this.#sources.start.idleMs === undefined) {
      throw new MemtoolError(
        'MEMTOOL_BAD_REQUEST',
        'This agent was started by the application itself, and stays with it.',
        {
          hint: 'Only what `memtool attach` brought can be detached.',
        },
      );
    }
    setImmediate(() => void this.#leave());
    return { pid: process.pid };
  }

  async #leave(): Promise<void> {
    const { control, server, start, stop } = this.#sources;
    // The process may be leaving itself.
    if (!control.detach()) return;
    clearTimeout(this.#timer);
    stop();
    removeFile(join(start.directory, start.socketName));
    const closed = new Promise((resolve) => server.close(resolve));
    await Promise.race([closed, sleep(ANSWER_MS)]);
    server.closeAllConnections();
    await sessionsReleased();
    process.exit(0);
  }
}
