import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Runs the garbage collector now, and lets finalizers run: they tell memtool which handles nobody has any more.
 *
 * An application need not do this, its collector comes by sooner or later. It is only that this service keeps its data in
 * pools and makes little garbage, so that "later" might be after the demo: V8 collects its old generation when that has grown.
 * The function `gc` exists in contexts made after the flag was set, which spares everybody `node --expose-gc`.
 */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') return;
  // The first finds what was forgotten, the second what only the first's finalizers still held.
  for (let round = 0; round < 2; round += 1) {
    collect();
    await setImmediate();
    await setImmediate();
  }
}
