import type { QueryMix } from './query-mix.ts';

/** Somebody who uses the service, in a session with one of its threads. */
export interface User {
  readonly name: string;
  /** What all the user's queries may hold together, on whichever thread. Default: only the pools limit them. */
  readonly limit?: string;
  /** What is asked for at once, the first time with turn 0: one query, or the several queries of a transaction. */
  ask(mix: QueryMix, turn: number): string[];
}

/** One page that shows three figures: of one moment, therefore in one transaction. */
const ANA: User = { name: 'ana', ask: (mix) => [mix.ordinary(), mix.ordinary(), mix.ordinary()] };

/** Has queries profiled, in which the service forgets memory: see `profiler.ts`. */
export const BEN: User = { name: 'ben', ask: (mix) => [mix.ordinary()] };

/** Gets what is ordinary, and asks for more than the limit allows every so often. */
export const CLEO: User = {
  name: 'cleo',
  limit: '12MiB',
  ask: (mix, turn) => [turn % 10 === 0 ? mix.hugeExport() : mix.ordinary()],
};

const DAN: User = { name: 'dan', ask: (mix) => [mix.ordinary()] };

/** By the thread that serves them, in turn. */
export const USERS_BY_THREAD: readonly (readonly User[])[] = [
  [CLEO, ANA],
  [BEN, DAN],
];
