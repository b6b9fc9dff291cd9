import type { Session } from 'node:inspector';
import { MemtoolError } from '../../errors.ts';
import { frameHeader, type SnapshotFrame } from '../../protocol.ts';
import { evaluate, NATIVE_CALL, reasonOf, within, type MainThread } from '../main-thread.ts';

/** Where a snapshot goes, as it comes. */
export interface SnapshotSink {
  write(bytes: Buffer | string): void;
  /** Written, and not taken by the other side yet. */
  readonly unsentBytes: number;
  /** Calls back once nobody wants it any more; at once if that is so. */
  onClose(callback: () => void): void;
}

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
  readonly #mainThread: MainThread;
  #isTracking = false;

  constructor(mainThread: MainThread) {
    this.#mainThread = mainThread;
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
    const unwanted = new Promise<never>((_, reject) => {
      sink.onClose(() => reject(new Error('nobody waits for it any more')));
    });
    // It may come when nobody looks.
    unwanted.catch(() => undefined);
    try {
      await this.#mainThread.inspect((session) => Promise.race([this.#exchange(session, seconds, sink), unwanted]));
    } catch (error) {
      sendError(sink, reasonOf(error));
    }
  }

  async #exchange(session: Session, seconds: number, sink: SnapshotSink): Promise<void> {
    const heapUsedBytes = await evaluate(session, 'process.memoryUsage().heapUsed');
    const unsentBytesMax = Math.max(UNSENT_BYTES_MIN, UNSENT_SHARE_MAX * Number(heapUsedBytes));
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

function ask(session: Session, method: string, params: object, waitMs: number): Promise<unknown> {
  const answer = new Promise<unknown>((resolve, reject) => {
    session.post(method, params, (error, found) => {
      if (error) reject(new Error(error.message));
      else resolve(found);
    });
  });
  return within(answer, waitMs, `the ${NATIVE_CALL}`);
}

function send(sink: SnapshotSink, frame: SnapshotFrame): void {
  sink.write(frameHeader(frame));
}

function sendError(sink: SnapshotSink, reason: string): void {
  send(sink, { kind: 'error', code: 'MEMTOOL_UNAVAILABLE', message: `The heap cannot be looked into: ${reason}.` });
}
