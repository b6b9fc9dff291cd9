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
  | { type: 'progress'; done: number; queries: number; refused: number }
  | { type: 'done'; queries: number; refused: number; seconds: number };
