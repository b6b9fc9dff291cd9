import { isThenable } from '../thenable.ts';
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
  if (!isThenable(result)) {
    scope.close();
    return result;
  }
  const pending = result;
  // Query builders are thenables that start when they are awaited, and once each time: so once, and in the scope.
  const promise = pending instanceof Promise ? pending : scope.run(async () => pending);
  const closing = promise.finally(() => scope.close());
  // `finally` gives a promise of the same result, and of the caller's kind if that is a promise.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return closing as Result;
}
