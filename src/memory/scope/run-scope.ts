import type { MemoryScope } from './scope.ts';

/** Runs a function in a scope and ends the scope when it has returned, thrown, or its promise has settled. */
export function runAndClose<Result>(scope: MemoryScope, fn: (scope: MemoryScope) => Result): Result {
  let result: Result;
  try {
    result = scope.run(() => fn(scope));
  } catch (error) {
    scope.close();
    throw error;
  }
  if (!isPromise(result)) {
    scope.close();
    return result;
  }
  const closing = result.finally(() => scope.close());
  // A promise of the caller's kind: `finally` of a promise gives one of the same result.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return closing as Result;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}
