/** What `memtool demo` and its service say to each other over process IPC. */

export type DemoRequest =
  /** Drive load for so long. */
  | { type: 'load'; seconds: number }
  /** Go on alone when the channel closes. */
  | { type: 'keep' }
  | { type: 'stop' };

export type DemoEvent =
  /** The manager is up. */
  | { type: 'ready'; pid: number }
  /** About five times a second; `done` goes from 0 to 1. */
  | ({ type: 'progress'; done: number } & LoadCounts)
  | ({ type: 'done'; seconds: number } & LoadCounts);

export interface LoadCounts {
  /** Asked, whether they were answered or refused. */
  queries: number;
  refused: number;
  /** The last one. */
  refusal: UserRefusal | undefined;
}

/** A query that did not get the memory it asked for. */
export interface UserRefusal {
  user: string;
  /** Name of the account whose limit stood in the way: the user's own, or a pool's. */
  account: string;
  /** In the words of the library's error. */
  reason: string;
  hint: string;
}
