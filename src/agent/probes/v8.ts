import type { Application } from '../application.ts';
import { evaluate, reasonOf, type MainThread } from '../main-thread.ts';
import { MAIN_THREAD, type MainMemory } from '../messages.ts';

export type HeapReading = { kind: 'read'; memory: MainMemory } | { kind: 'unavailable'; reason: string };

/** An event loop that turns answers in under a millisecond. */
const MESSAGE_WAIT_MS = 50;

/** Installed by `startAgent()`. */
const EXPRESSION = 'globalThis[Symbol.for("memtool.agent")].readMemory()';

/**
 * Reads the heap of the main isolate. First by message, which disturbs nothing; when the event loop does not turn, through
 * an inspector session, whose evaluation interrupts running JavaScript (`for (;;) {}`, `Atomics.wait`, a regular expression).
 */
export class HeapProbe {
  readonly #application: Application;
  readonly #mainThread: MainThread;
  #reading: Promise<HeapReading> | undefined;

  constructor(application: Application, mainThread: MainThread) {
    this.#application = application;
    this.#mainThread = mainThread;
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

  async #read(gcSeconds: number): Promise<HeapReading> {
    const memory = (await this.readIfIdle(gcSeconds)) ?? (await this.#readThroughInspector());
    return typeof memory === 'string' ? { kind: 'unavailable', reason: memory } : { kind: 'read', memory };
  }

  async #readThroughInspector(): Promise<MainMemory | string> {
    try {
      const memory = await this.#mainThread.inspect((session) => evaluate(session, EXPRESSION));
      return isMainMemory(memory) ? memory : 'the main thread could not answer the inspector';
    } catch (error) {
      return reasonOf(error);
    }
  }
}

function isMainMemory(value: unknown): value is MainMemory {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<MainMemory>).heapUsedBytes === 'number'
  );
}
