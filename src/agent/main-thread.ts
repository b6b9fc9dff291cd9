import type { Session } from 'node:inspector';
import type { Control } from './control.ts';
import { trackSession } from './sessions.ts';

/** A main thread that runs JavaScript answers in 0.1-1.4 ms; this only bounds the wait for one that does not. */
const ANSWER_MS = 400;

export const NATIVE_CALL = 'main thread is inside a native call';

/**
 * The main thread, as its inspector shows it: what is posted there interrupts running JavaScript (`for (;;) {}`,
 * `Atomics.wait`, a regular expression), and only waits while the thread is inside a native call.
 */
export class MainThread {
  readonly #control: Control;
  readonly #leave = new Set<() => void>();

  constructor(control: Control) {
    this.#control = control;
  }

  /**
   * Opens a session for as long as `work` takes, or until the process leaves.
   *
   * @throws Error that says in its message why nothing could be had
   */
  async inspect<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    if (!this.#control.beginSession()) throw leaving();
    let leave = nothing;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(leaving());
    });
    // It may come before anybody waits for it.
    left.catch(() => undefined);
    this.#leave.add(leave);
    try {
      const session = openSession();
      try {
        return await Promise.race([work(session), left]);
      } finally {
        session.disconnect();
      }
    } finally {
      this.#leave.delete(leave);
      this.#control.endSession();
    }
  }

  /** The process is leaving: an open session would hold it up. */
  release(): void {
    for (const leave of this.#leave) leave();
  }
}

/** Node keeps its microtasks explicit: none of the application's run in the evaluation. */
export function evaluate(session: Session, expression: string): Promise<unknown> {
  const answer = new Promise<unknown>((resolve, reject) => {
    session.post('Runtime.evaluate', { expression, returnByValue: true, silent: true }, (error, found) => {
      if (error) reject(new Error(error.message));
      else resolve(found.result.value);
    });
  });
  return within(answer, ANSWER_MS, NATIVE_CALL);
}

/** @throws Error with the reason, when it takes longer */
export async function within<Value>(answer: Promise<Value>, waitMs: number, reason: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(reason)), waitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function openSession(): Session {
  try {
    // A node built without the inspector has no such module.
    const inspector = process.getBuiltinModule('node:inspector');
    const session = trackSession(new inspector.Session());
    session.connectToMainThread();
    return session;
  } catch (error) {
    throw new Error(`the inspector of the main thread cannot be used: ${reasonOf(error)}`, { cause: error });
  }
}

function nothing(): void {}

function leaving(): Error {
  return new Error('the process is ending');
}
