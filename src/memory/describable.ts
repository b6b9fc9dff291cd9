import { inspect } from 'node:util';

interface WithFacts {
  /** The facts, as `JSON.stringify` and `console.log` show them. */
  toJSON(): object;
}

/**
 * Makes `console.log` show what `toJSON` says: the few facts a person wants. A pool or handle without them would, logged as
 * JSON, walk through the whole ledger, which hangs a program that logs its pressure events.
 */
export function showFacts(prototype: WithFacts): void {
  Object.defineProperty(prototype, inspect.custom, {
    value(this: WithFacts): string {
      // The bundler gives a class that refers to itself an underscore.
      return `${this.constructor.name.replace(/^_/, '')} ${inspect(JSON.parse(JSON.stringify(this)))}`;
    },
  });
}

/** For limits: `Infinity` has no place in JSON. */
export function finiteOrNull(bytes: number): number | null {
  return bytes === Infinity ? null : bytes;
}
