import type { Session } from 'node:inspector';
import { trackSession } from '../sessions.ts';
import type { Application } from '../application.ts';
import type { Control } from '../control.ts';
import { MAIN_THREAD, type MainMemory } from '../messages.ts';

export type HeapReading = { kind: 'read'; memory: MainMemory } | { kind: 'unavailable'; reason: string };

/** An event loop that turns answers in under a millisecond. */
const MESSAGE_WAIT_MS = 50;
/** A main thread that runs JavaScript answers in 0.1-1.4 ms; this only bounds the wait for one that does not. */
const INSPECTOR_WAIT_MS = 400;

export const NATIVE_CALL = 'main thread is inside a native call';
export const ENDING = 'the process is ending';

/** Installed by `startAgent()`. Node keeps its microtasks explicit: none of the application's run in the evaluation. */
const EXPRESSION = 'globalThis[Symbol.for("memtool.agent")].readMemory()';

/**
 * Reads the heap of the main isolate. First by message, which disturbs nothing; when the event loop does not turn, through
 * an inspector session, whose evaluation interrupts running JavaScript (`for (;;) {}`, `Atomics.wait`, a regular expression).
 */
export class HeapProbe {
  readonly #application: Application;
  readonly #control: Control;
  #reading: Promise<HeapReading> | undefined;
  #release: (() => void) | undefined;

  constructor(application: Application, control: Control) {
    this.#application = application;
    this.#control = control;
  }

  /**
   * Those who ask at the same time get the same reading.
   *
   * @param gcSeconds collections are to be counted, and for so long
   */
  read(gcSeconds: number = 0): Promise<HeapReading> {
    this.#reading ??= this.#read(gcSeconds).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Only if the event loop turns: for what is wanted regularly and not badly. */
  async readIfIdle(gcSeconds: number = 0): Promise<MainMemory | undefined> {
    const outcome = await this.#application.ask(
      MAIN_THREAD,
      { kind: 'collect', ...(gcSeconds > 0 ? { gcSeconds } : {}) },
      { takenWithinMs: MESSAGE_WAIT_MS, answeredWithinMs: MESSAGE_WAIT_MS },
    );
    return outcome.kind === 'answered' ? outcome.value : undefined;
  }

  /** The process is leaving: an open session would hold it up. */
  release(): void {
    this.#release?.();
  }

  async #read(gcSeconds: number): Promise<HeapReading> {
    const memory = (await this.readIfIdle(gcSeconds)) ?? (await this.#readThroughInspector());
    return typeof memory === 'string' ? { kind: 'unavailable', reason: memory } : { kind: 'read', memory };
  }

  async #readThroughInspector(): Promise<MainMemory | string> {
    if (!this.#control.beginSession()) return ENDING;
    try {
      // A node built without the inspector has no such module.
      const inspector = process.getBuiltinModule('node:inspector');
      return await this.#evaluate(trackSession(new inspector.Session()));
    } catch (error) {
      return sessionFailure(error);
    } finally {
      this.#control.endSession();
    }
  }

  #evaluate(session: Session): Promise<MainMemory | string> {
    return new Promise((resolve) => {
      const finish = (result: MainMemory | string): void => {
        if (!this.#release) return;
        this.#release = undefined;
        clearTimeout(timer);
        session.disconnect();
        resolve(result);
      };
      const timer = setTimeout(() => finish(NATIVE_CALL), INSPECTOR_WAIT_MS);
      this.#release = () => finish(ENDING);
      session.connectToMainThread();
      session.post(
        'Runtime.evaluate',
        { expression: EXPRESSION, returnByValue: true, silent: true },
        (error, answer) => {
          finish(
            error || !isMainMemory(answer.result.value)
              ? 'the main thread could not answer the inspector'
              : answer.result.value,
          );
        },
      );
    });
  }
}

export function sessionFailure(error: unknown): string {
  return `the inspector of the main thread cannot be used: ${error instanceof Error ? error.message : String(error)}`;
}

function isMainMemory(value: unknown): value is MainMemory {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<MainMemory>).heapUsedBytes === 'number'
  );
}
