import { subscribe } from 'node:diagnostics_channel';
import { getEnvironmentData, setEnvironmentData, threadId, Worker } from 'node:worker_threads';
import { SystemAllocator } from './system-allocator.ts';
import { THREAD_COUNTS_BYTES, ThreadCounts } from './thread-counts.ts';
import { TrackedAllocator } from './tracked-allocator.ts';

/** Where a worker finds the counts of the thread that started it. The number changes with the layout. */
const COUNTS_KEY = 'memtool.threadCounts.1';

/**
 * Tracks ArrayBuffers across threads: the counts of all threads lie in memory that they share.
 *
 * A thread shares them if memtool was imported in the thread that started it, before it was started, and so on up to the main
 * thread; else it and the workers that it starts count on their own. A worker that ends, in whatever way, is counted no more
 * once the thread that started it has seen its `exit`: its buffers are gone with it. Other processes (`cluster`,
 * `child_process`) count on their own. What is allocated in one thread can only be freed there.
 */
export class GlobalAllocator extends TrackedAllocator<Uint8Array<ArrayBuffer>> {
  /** @internal */
  constructor() {
    super(new SystemAllocator());
  }

  /** Bytes handed out and not freed, by all threads. */
  override get bytesUsed(): number {
    return counts.totalBytes;
  }

  /** What this thread's part in it is. */
  get threadBytesUsed(): number {
    return super.bytesUsed;
  }

  protected override counted(changeBytes: number): void {
    counts.add(slot, changeBytes);
  }
}

// As soon as memtool is imported, not at the first allocation: a worker that is started in between would count on its own.
const counts = joinCounts();
const slot = counts.claim(threadId, undefined);
subscribe('worker_threads', (message) => {
  if (typeof message === 'object' && message !== null && 'worker' in message && message.worker instanceof Worker)
    follow(message.worker);
});

let theOne: GlobalAllocator | undefined;

/** The allocator that everything in this process may share, whatever thread it runs in. */
export function globalAllocator(): GlobalAllocator {
  theOne ??= new GlobalAllocator();
  return theOne;
}

function joinCounts(): ThreadCounts {
  const inherited: unknown = getEnvironmentData(COUNTS_KEY);
  if (inherited instanceof SharedArrayBuffer && inherited.byteLength === THREAD_COUNTS_BYTES)
    return new ThreadCounts(inherited);
  const memory = new SharedArrayBuffer(THREAD_COUNTS_BYTES);
  setEnvironmentData(COUNTS_KEY, memory);
  return new ThreadCounts(memory);
}

/** Takes a slot for a worker that this thread starts, and gives it back at its end. */
function follow(worker: Worker): void {
  // Read now: it is -1 when the worker has ended.
  const thread = worker.threadId;
  counts.claim(thread, threadId);
  worker.once('exit', () => counts.release(thread));
}
