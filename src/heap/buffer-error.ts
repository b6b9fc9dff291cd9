import { isNativeError } from 'node:util/types';
import { Script } from 'node:vm';

/** With its reason behind it, because Node prints the line that threw above the stack of what nobody catches. */
const THROW = '(error) => { throw error; } // what a method of Buffer threw, on its way through memtool';

let thrower: ((error: unknown) => unknown) | undefined;

/**
 * Throws what an original threw, message and stack as they were. It is thrown from a script of one short line: Node prints
 * the line, and ours would be all of memtool where that is sent into a process as text.
 */
export function throwOn(error: unknown): never {
  try {
    thrower ??= makeThrower();
  } catch {
    // No memory left for a script, or no stack: it is thrown from here.
  }
  thrower?.(error);
  throw error;
}

function makeThrower(): (error: unknown) => unknown {
  const made: unknown = new Script(THROW, { filename: 'memtool' }).runInThisContext();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the text says
  return made as (error: unknown) => unknown;
}

/** Takes the first frame at one of these places, `file:line:col`, out of its stack. */
export function removeFrame(error: unknown, places: readonly string[]): void {
  try {
    if (!isNativeError(error) || typeof error.stack !== 'string') return;
    const lines = error.stack.split('\n');
    const index = lines.findIndex((line) =>
      places.some((place) => line.endsWith(`${place})`) || line.endsWith(` ${place}`)),
    );
    if (index === -1) return;
    lines.splice(index, 1);
    Reflect.set(error, 'stack', lines.join('\n'));
  } catch {
    // It is frozen, or the application's own formatting fails: it stays as it is.
  }
}
