import type { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '../memory/garbage-collection.ts';

const WAIT_MS_MAX = 1000;

/**
 * A disconnected session is let go of by the main thread whenever it next looks at its inspector; when the thread that had it
 * ends at that very moment, Node aborts the whole process (24, 26). Until then Node itself holds the session, and so its
 * finalizer is the proof that the main thread has let go.
 */
class Sessions {
  #open = 0;
  readonly #released = new FinalizationRegistry<undefined>(() => {
    this.#open -= 1;
  });

  track(session: Session): Session {
    this.#open += 1;
    this.#released.register(session, undefined);
    return session;
  }

  get areReleased(): boolean {
    return this.#open === 0;
  }
}

const sessions = new Sessions();

export function trackSession(session: Session): Session {
  return sessions.track(session);
}

/** Resolves when this thread may end. While the main thread is inside a native call that may take as long as the call. */
export async function sessionsReleased(): Promise<void> {
  for (let waitMs = 1; !sessions.areReleased; waitMs = Math.min(waitMs * 2, WAIT_MS_MAX)) {
    collectGarbage();
    await sleep(waitMs);
  }
}
