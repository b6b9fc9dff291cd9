import { basename, join, resolve } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { isMainThread, Worker } from 'node:worker_threads';
import { failureName, processStartTime, socketDirectory, socketName } from '../protocol.ts';
import { Control } from './control.ts';
import { recordFailure, removeFile } from './failure.ts';
import { LocalManagers } from './local-managers.ts';
import { readMainMemory } from './main-memory.ts';
import type { MessageToWorker, RequestMessage, WorkerStart } from './messages.ts';
import { onProcessExit } from './process-exit.ts';
import { Responder } from './responder.ts';
import { runOutside } from './run-outside.ts';

/** One agent a process, however many copies of memtool are loaded. */
const AGENT_KEY: unique symbol = Symbol.for('memtool.agent');

/** The agent's own heap is 5 MB; a scan of ten million records needs a few more. Beyond this it ends and says so. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };

/**
 * Starts the agent of this process: a thread that answers `memtool` over a socket. Does nothing in a worker thread or when
 * one runs. Never throws, prints or keeps the process alive; takes 2-3 ms here (the rest happens in the thread), and
 * must not be put off: an application that goes on into an endless loop would never get to it.
 */
export function startAgent(): void {
  if (!isMainThread || AGENT_KEY in globalThis) return;
  // The agent calls `readMemory` by this key through the inspector when the event loop does not turn: see probes/v8.ts.
  Object.defineProperty(globalThis, AGENT_KEY, { value: { version: 1, readMemory: readMainMemory } });
  try {
    runOutside(start);
  } catch {
    // Whatever the system refused us is no reason to stop the application.
  }
}

function start(): void {
  const control = new Control();
  const startTime = processStartTime('self');
  const place: Place = {
    directory: resolve(socketDirectory()),
    socketName: socketName(process.pid, startTime),
    failureName: failureName(process.pid, startTime),
    scriptName: process.argv[1] === undefined ? 'node' : basename(process.argv[1]),
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    control: control.words,
  };
  const managers = new LocalManagers();
  let stop: (() => void) | undefined;
  const failed = (error: unknown): void => {
    stop?.();
    const failure = control.fail();
    if (failure?.hadSocket) removeFile(join(place.directory, place.socketName));
    if (failure) recordFailure(place, error);
  };
  const worker = startWorker({ ...place, managers: managers.list() }, failed);
  onExit(control, worker, place);
  if (!worker) return;
  stop = follow(worker, managers);
  worker.once('error', failed);
  worker.once('exit', (code) => failed(new Error(`its thread ended with code ${code}`)));
  // Only now: a listener for messages takes the reference back.
  worker.unref();
}

function startWorker(workerData: WorkerStart, failed: (error: unknown) => void): Worker | undefined {
  try {
    return new Worker(new URL('./agent-worker.js', import.meta.url), {
      workerData,
      name: 'memtool',
      // Nothing of the application's: no preloads or NODE_OPTIONS, and nothing comes out.
      env: {},
      execArgv: [],
      argv: [],
      stdout: true,
      stderr: true,
      resourceLimits: RESOURCE_LIMITS,
    });
  } catch (error) {
    // The permission model without --allow-worker, or no threads left.
    failed(error);
    return undefined;
  }
}

/** Answers the agent and tells it of managers that come and go, until the function it returns is called. */
function follow(worker: Worker, managers: LocalManagers): () => void {
  const send = (message: MessageToWorker): void => worker.postMessage(message);
  const responder = new Responder(managers.byId, send);
  worker.on('message', (request: RequestMessage) => responder.receive(request));
  return managers.follow(send);
}

function onExit(control: Control, worker: Worker | undefined, place: Place): void {
  // Whatever fails in it: who finds a stale socket removes it.
  onProcessExit(() => {
    const left = control.exit();
    worker?.postMessage({ kind: 'exiting' } satisfies MessageToWorker);
    control.awaitSessionEnd();
    if (left === 'socket') removeFile(join(place.directory, place.socketName));
    // One that listens may have noted a failure too.
    if (left) removeFile(join(place.directory, place.failureName));
  });
}

type Place = Omit<WorkerStart, 'managers'>;
