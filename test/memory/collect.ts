import { setImmediate, setTimeout } from 'node:timers/promises';

const ROUNDS_MAX = 60;

/** Forces collections, and lets finalizers run, until the condition holds. */
export async function collectUntil(isDone: () => boolean | Promise<boolean>, describe?: () => string): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each round waits for the finalizers of its own collection
    await collectOnce(round);
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (await isDone()) return;
  }
  throw new Error(`Not collected in ${ROUNDS_MAX} collections. ${describe?.() ?? ''}`);
}

/**
 * For what must not be found: collects until the finalizers of canaries, which were forgotten now, have run three times over.
 * What was as unreachable as they were has had its finalizers run as well.
 */
export async function collectAll(): Promise<void> {
  for (let canaries = 0; canaries < 3; canaries += 1) {
    let isFinalized = false;
    const registry = new FinalizationRegistry(() => (isFinalized = true));
    forgetCanary(registry);
    // oxlint-disable-next-line no-await-in-loop -- one after the other on purpose
    await collectUntil(() => isFinalized);
  }
}

function forgetCanary(registry: FinalizationRegistry<number>): void {
  registry.register({ canary: new ArrayBuffer(8) }, 0);
}

async function collectOnce(round: number): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('These tests need node --expose-gc.');
  globalThis.gc();
  // Finalizers run in a task of their own; a timer's turn lets V8's platform tasks in when an immediate did not.
  await (round < 3 ? setImmediate() : setTimeout(1));
}
