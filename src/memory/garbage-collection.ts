import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collector = NonNullable<typeof globalThis.gc>;

/** More than there are threads that would take the flag back; 1 ms each. */
const ATTEMPTS_MAX = 64;

let collect: Collector | undefined;

/**
 * A full collection of the calling thread's heap, at once, and the time it took in milliseconds.
 *
 * `HeapProfiler.collectGarbage` of an inspector session would wait for the event loop and hide the pause in it; `gc()` is
 * synchronous, so the pause can be told. The flag shows only to contexts made later, as this one is (0.9 ms, once).
 */
export function collectGarbage(): number {
  collect ??= globalThis.gc ?? findCollector();
  const start = performance.now();
  collect();
  return performance.now() - start;
}

/**
 * The flag is the process's: another thread that looks for its collector at the same time may take it back before our
 * context is made (one in eight threads that began together, Node 24). Each does so once, so that we find ours in the end.
 */
function findCollector(): Collector {
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      setFlagsFromString('--expose-gc');
      const found: Collector | undefined = runInNewContext('globalThis.gc');
      if (found) return found;
    }
    throw new Error('V8 gives no access to its garbage collector');
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

/** FinalizationRegistry callbacks run as a task after the collection: one turn of the event loop later, all have. */
export async function awaitFinalizers(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
