import { AsyncLocalStorage } from 'node:async_hooks';
import { basename, join, resolve } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { isMainThread, Worker } from 'node:worker_threads';
import { registeredManagers, watchManagers, type RegisteredManager } from '../memory/registry.ts';
import { failureName, processStartTime, socketDirectory, socketName } from '../protocol.ts';
import { Control } from './control.ts';
import { recordFailure, removeFile } from './failure.ts';
import { readMainMemory } from './main-memory.ts';
import type { ManagerAdded, MessageToWorker, RequestMessage, WorkerStart } from './messages.ts';
import { Responder } from './responder.ts';

/** One agent a process, however many copies of memtool are loaded. */
const AGENT_KEY: unique symbol = Symbol.for('memtool.agent');

/** The agent's own heap is 5 MB; a scan of ten million records needs a few more. Beyond this it ends and says so. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };

/** A message port keeps the async context it was made in: not one of the application's requests, for ever. */
const runOutside: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();

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
  const managers = new Map<number, RegisteredManager>();
  const added = registeredManagers().map((manager, id): ManagerAdded => {
    managers.set(id, manager);
    return { id, name: manager.name, shared: manager.shared };
  });
  let stop: (() => void) | undefined;
  const failed = (error: unknown): void => {
    stop?.();
    const failure = control.fail();
    if (failure?.hadSocket) removeFile(join(place.directory, place.socketName));
    if (failure) recordFailure(place, error);
  };
  const worker = startWorker({ ...place, managers: added }, failed);
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
function follow(worker: Worker, managers: Map<number, RegisteredManager>): () => void {
  const send = (message: MessageToWorker): void => worker.postMessage(message);
  const responder = new Responder(managers, send);
  worker.on('message', (request: RequestMessage) => responder.receive(request));
  let nextId = managers.size;
  return watchManagers((event, manager) => {
    // The one whose coming started the agent is announced to us again: it is in the list already.
    if (event === 'add' && [...managers.values()].includes(manager)) return;
    if (event === 'add') {
      const id = nextId++;
      managers.set(id, manager);
      send({ kind: 'manager-added', id, name: manager.name, shared: manager.shared });
      return;
    }
    for (const [id, known] of managers) {
      if (known !== manager) continue;
      managers.delete(id);
      send({ kind: 'manager-removed', id });
    }
  });
}

function onExit(control: Control, worker: Worker | undefined, place: Place): void {
  // Room for the one listener we add: the application's tenth must not bring it a warning.
  const listenersMax = process.getMaxListeners();
  if (listenersMax > 0) process.setMaxListeners(listenersMax + 1);
  process.once('exit', () => {
    try {
      const left = control.exit();
      worker?.postMessage({ kind: 'exiting' } satisfies MessageToWorker);
      control.awaitSessionEnd();
      if (left === 'socket') removeFile(join(place.directory, place.socketName));
      // One that listens may have noted a failure too.
      if (left) removeFile(join(place.directory, place.failureName));
    } catch {
      // Who finds a stale socket removes it.
    }
  });
}

type Place = Omit<WorkerStart, 'managers'>;
