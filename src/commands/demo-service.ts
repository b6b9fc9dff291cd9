import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MemtoolError } from '../errors.ts';
import type { DemoEvent, DemoRequest } from '../demo/messages.ts';
import { discover } from '../inspect/discover.ts';

/** The demo's service: a real child process, spoken to over its IPC channel. */
export interface DemoService {
  /** Its pid, once it serves. */
  ready: Promise<number>;
  /** Lets it work for some seconds. */
  load(seconds: number, onProgress: (progress: LoadProgress) => void): Promise<LoadDone>;
  /** Lets it live on after us; `stop` then does nothing. */
  keep(): Promise<void>;
  /** Ends it, whatever it does, and removes its socket if it could not. */
  stop(): Promise<void>;
}

type DemoReady = Extract<DemoEvent, { type: 'ready' }>;
type LoadProgress = Extract<DemoEvent, { type: 'progress' }>;
export type LoadDone = Extract<DemoEvent, { type: 'done' }>;

/** How long it may take to end by itself. */
const STOP_TIMEOUT_MS = 2000;

/** @param outlivesUs - It then prints nothing: whoever reads our stderr would wait for its end too. */
export function startDemoService(directory: string, outlivesUs: boolean): DemoService {
  // Of the bundle: every chunk lies beside demo-service.js.
  const script = new URL('./demo-service.js', import.meta.url);
  const child = spawn(process.execPath, [fileURLToPath(script)], {
    stdio: ['ignore', 'ignore', outlivesUs ? 'ignore' : 'inherit', 'ipc'],
    // In a group of its own: Ctrl-C in our terminal is for us, also after --keep.
    detached: true,
  });
  const events = new EventEmitter();
  child.on('message', (event: DemoEvent) => void events.emit(event.type, event));
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const send = (request: DemoRequest): Promise<void> =>
    new Promise((resolve) => {
      // A service that has ended cannot be told anything; whoever waits for it learns that from `ended`.
      if (child.connected) child.send(request, () => resolve());
      else resolve();
    });

  /** Waits for an event; rejects when the service ends instead. */
  const next = <Event extends DemoEvent>(type: Event['type']): Promise<Event> =>
    new Promise((resolve, reject) => {
      events.once(type, resolve);
      void ended.then(() => reject(endedEarly(child)));
    });

  let kept = false;
  const ready = next<DemoReady>('ready').then(({ pid }) => pid);
  // Whoever stops us first may never ask for it.
  ready.catch(() => undefined);
  return {
    ready,
    async load(seconds, onProgress) {
      events.on('progress', onProgress);
      const done = next<LoadDone>('done');
      await send({ type: 'load', seconds });
      return done;
    },
    async keep() {
      await send({ type: 'keep' });
      kept = true;
      child.disconnect();
      child.unref();
    },
    async stop() {
      if (kept) return;
      await send({ type: 'stop' });
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
      await discover(directory);
    },
  };
}

function endedEarly(child: ChildProcess): MemtoolError {
  const how = child.signalCode ?? (child.exitCode === null ? 'without a word' : `exit code ${child.exitCode}`);
  return new MemtoolError('MEMTOOL_CHILD_FAILED', `The demo's service ended before the demo did (${how}).`, {
    hint: 'Its own messages, if there were any, are above. Is the package complete? Try: npm rebuild memtool',
  });
}
