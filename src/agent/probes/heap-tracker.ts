import type { Session } from 'node:inspector';
import { MemtoolError } from '../../errors.ts';
import { frameHeader, type SnapshotFrame } from '../../protocol.ts';
import type { Control } from '../control.ts';
import { trackSession } from '../sessions.ts';

/** Where a snapshot goes, as it comes. */
export interface SnapshotSink {
  write(bytes: Buffer | string): void;
  /** Written, and not taken by the other side yet. */
  readonly unsentBytes: number;
  /** Calls back once nobody wants it any more; at once if that is so. */
  onClose(callback: () => void): void;
}

/** A main thread that runs JavaScript answers in 0.1-1.4 ms. */
const ANSWER_WAIT_MS = 400;
/** The first step is two full collections and a walk over the heap. */
const START_WAIT_MS = 60_000;
/** A heap of a gigabyte of small objects takes two minutes. */
const SNAPSHOT_WAIT_MS = 600_000;
/**
 * V8 does not wait for us: what it has written comes as fast as the main thread makes it (chunks of 100 KB on Node 20, 1 MB
 * later), and stays here until the other side takes it, which costs memory, and no file. That is told to whoever asks before;
 * beyond it, or when the other side has gone, the rest is dropped. A file would need somebody to remove it when the process
 * is killed, and would be memory as well where /run and /tmp are.
 */
const UNSENT_SHARE_MAX = 3;
const UNSENT_BYTES_MIN = 64 * 1024 * 1024;

/**
 * Has V8 note the stack of every allocation for a while, and then write down the whole heap, so that it is known of each new
 * object where it was made, and what keeps it.
 *
 * Everything ends with the session: V8 then takes no more notes. One that is disconnected while V8 writes lets it finish, and gets nothing.
 */
export class HeapTracker {
  readonly #control: Control;
  #release: (() => void) | undefined;
  #isTracking = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** The process is leaving: an open session would hold it up. */
  release(): void {
    this.#release?.();
  }

  /** @throws MemtoolError `MEMTOOL_BUSY` when it is being done for somebody else */
  claim(): (seconds: number, sink: SnapshotSink) => Promise<void> {
    if (this.#isTracking) {
      throw new MemtoolError('MEMTOOL_BUSY', 'Somebody else has the retainers looked for in this process.', {
        hint: 'Try again when that is done.',
      });
    }
    this.#isTracking = true;
    return (seconds, sink) => this.#track(seconds, sink).finally(() => (this.#isTracking = false));
  }

  /** Never rejects: what goes wrong is told to the sink. */
  async #track(seconds: number, sink: SnapshotSink): Promise<void> {
    if (!this.#control.beginSession()) return sendError(sink, 'the process is ending');
    try {
      const inspector = process.getBuiltinModule('node:inspector');
      await this.#trackThrough(trackSession(new inspector.Session()), seconds, sink);
    } catch (error) {
      sendError(sink, error instanceof Error ? error.message : String(error));
    } finally {
      this.#control.endSession();
    }
  }

  async #trackThrough(session: Session, seconds: number, sink: SnapshotSink): Promise<void> {
    const leaving = new Promise<never>((_, reject) => {
      this.#release = () => reject(new Error('the process is ending'));
      sink.onClose(() => reject(new Error('nobody waits for it any more')));
    });
    // It may come when nobody looks.
    leaving.catch(() => undefined);
    try {
      session.connectToMainThread();
      await Promise.race([this.#exchange(session, seconds, sink), leaving]);
    } finally {
      this.#release = undefined;
      session.disconnect();
    }
  }

  async #exchange(session: Session, seconds: number, sink: SnapshotSink): Promise<void> {
    const heapUsedBytes = await ask(session, 'Runtime.evaluate', HEAP_USED, ANSWER_WAIT_MS);
    const unsentBytesMax = Math.max(UNSENT_BYTES_MIN, UNSENT_SHARE_MAX * readNumber(heapUsedBytes));
    send(sink, { kind: 'stage', stage: 'tracking' });
    await ask(session, 'HeapProfiler.startTrackingHeapObjects', { trackAllocations: true }, START_WAIT_MS);
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const trackedSeconds = (performance.now() - began) / 1000;
    send(sink, { kind: 'stage', stage: 'snapshot' });
    let snapshotBytes = 0;
    const overflow = new Promise<never>((_, reject) => {
      session.on('HeapProfiler.addHeapSnapshotChunk', ({ params: { chunk } }) => {
        if (sink.unsentBytes > unsentBytesMax) return reject(new Error('it is not taken as fast as V8 makes it'));
        const bytes = Buffer.from(chunk, 'utf8');
        snapshotBytes += bytes.length;
        send(sink, { kind: 'chunk', bytes: bytes.length });
        sink.write(bytes);
      });
    });
    const stopping = performance.now();
    const stopped = ask(session, 'HeapProfiler.stopTrackingHeapObjects', { reportProgress: false }, SNAPSHOT_WAIT_MS);
    await Promise.race([stopped, overflow]);
    send(sink, { kind: 'end', trackedSeconds, pauseMs: performance.now() - stopping, snapshotBytes });
  }
}

const HEAP_USED = { expression: 'process.memoryUsage().heapUsed', returnByValue: true, silent: true };

function ask(session: Session, method: string, params: object, waitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the main thread is inside a native call')), waitMs);
    session.post(method, params, (error, found) => {
      clearTimeout(timer);
      if (error) reject(new Error(error.message));
      else resolve(found);
    });
  });
}

function readNumber(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('result' in answer)) return 0;
  const { result } = answer;
  if (typeof result !== 'object' || result === null || !('value' in result)) return 0;
  return typeof result.value === 'number' ? result.value : 0;
}

function send(sink: SnapshotSink, frame: SnapshotFrame): void {
  sink.write(frameHeader(frame));
}

function sendError(sink: SnapshotSink, reason: string): void {
  send(sink, { kind: 'error', code: 'MEMTOOL_UNAVAILABLE', message: `The heap cannot be looked into: ${reason}.` });
}
