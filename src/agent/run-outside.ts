import { AsyncLocalStorage } from 'node:async_hooks';

/** A port or channel keeps the async context it was made in: not one of the application's requests, for ever. */
export const runOutside: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();
