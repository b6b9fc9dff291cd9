import { basename, join, resolve } from 'node:path';
import { isMainThread, Worker } from 'node:worker_threads';
import {
  blackBoxName,
  failureName,
  processStartTime,
  socketDirectory,
  socketName,
  type Injection,
} from '../protocol.ts';
import { SAMPLE_BYTES_DEFAULT } from '../heap/heap-watch.ts';
import { Control } from './control.ts';
import { Ending } from './ending.ts';
import { GcWatch } from './gc-watch.ts';
import { heapLimitBytes } from '../heap/heap-limit.ts';
import { recordFailure, removeFile } from './failure.ts';
import { LocalManagers } from './local-managers.ts';
import { MainHeap, type MainHeapState } from './main-heap.ts';
import { readMainMemory } from './main-memory.ts';
import type { MainMemory, MessageToWorker, RequestMessage, WorkerStart } from './messages.ts';
import { onProcessExit } from './process-exit.ts';
import { Responder } from './responder.ts';
import { runOutside } from './run-outside.ts';

/** One agent a process, however many copies of memtool are loaded. */
const AGENT_KEY: unique symbol = Symbol.for('memtool.agent');

/**
 * The agent's own heap is 5 MB; a scan of ten million records needs a few more. Beyond this it ends and says so. A young
 * generation of 2 MB instead of 8 leaves the process 1-2 MB smaller after an agent has gone.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 2 };

/** What stands under the key: the agent's thread calls it through the inspector, `memtool attach` reads `socketPath`. */
interface AgentHandle {
  version: 1;
  readMemory: () => MainMemory;
  readHeap: () => MainHeapState;
  releaseMarks: (untilMs: number) => MainHeapState;
  restartHeap: () => void;
  /** `null` once it has failed or gone. */
  readonly socketPath: string | null;
}

// A global of ours, under a symbol that nobody else uses.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const holder = globalThis as { [AGENT_KEY]?: AgentHandle };

/**
 * Starts the agent of this process: a thread that answers `memtool` over a socket. Does nothing in a worker thread or when
 * one runs. Never throws, prints or keeps the process alive; takes 2-3 ms here (the rest happens in the thread), and
 * must not be put off: an application that goes on into an endless loop would never get to it.
 *
 * @param injection when `memtool attach` has sent it into a process that was started without: it may try again where an
 *   earlier one has failed or gone
 */
export function startAgent(injection?: Injection): void {
  if (!isMainThread) return;
  const known = holder[AGENT_KEY];
  if (known !== undefined && (injection === undefined || known.socketPath !== null)) return;
  try {
    runOutside(() => start(injection));
  } catch {
    // Whatever the system refused us is no reason to stop the application.
  }
}

function start(injection?: Injection): void {
  const control = new Control();
  const startTime = processStartTime('self');
  const place: Place = {
    directory: injection?.directory ?? resolve(socketDirectory()),
    socketName: socketName(process.pid, startTime),
    failureName: failureName(process.pid, startTime),
    blackBoxName: process.env['MEMTOOL_BLACK_BOX'] === '0' ? null : blackBoxName(process.pid, startTime),
    startTime: startTime ?? '0',
    scriptName: process.argv[1] === undefined ? 'node' : basename(process.argv[1]),
    heapLimitBytes: heapLimitBytes(),
    control: control.words,
    ...(injection === undefined ? {} : { idleMs: injection.idleMs }),
  };
  const path = join(place.directory, place.socketName);
  const heap = new MainHeap(sampleBytes(injection));
  heap.start();
  const gc = new GcWatch();
  const readMemory = (): MainMemory => {
    const counted = gc.read();
    return counted ? { ...readMainMemory(), gc: counted } : readMainMemory();
  };
  const handle: AgentHandle = {
    version: 1,
    readMemory,
    readHeap: () => heap.read(),
    releaseMarks: (untilMs) => heap.release(untilMs),
    restartHeap: () => heap.restart(),
    get socketPath() {
      return control.isGone ? null : path;
    },
  };
  Object.defineProperty(globalThis, AGENT_KEY, { value: handle, configurable: true });
  const managers = new LocalManagers();
  let stop: (() => void) | undefined;
  const failed = (error: unknown): void => {
    stop?.();
    heap.stop();
    const failure = control.fail();
    if (failure?.hadSocket) removeFile(path);
    // Nobody writes it any more: it would say that the process had died now.
    ending.forget();
    if (failure) recordFailure(place, error);
  };
  const ending = new Ending(place, control);
  const worker = startWorker({ ...place, managers: managers.list() }, failed, injection?.workerSource);
  const stay = onExit({ control, worker, place, heap, ending });
  if (!worker) return heap.stop();
  const collect = (gcSeconds: number = 0): MainMemory => {
    if (gcSeconds > 0) gc.keep(gcSeconds);
    const memory = readMemory();
    heap.tick(memory.heapUsedBytes);
    return memory;
  };
  const unfollow = follow(worker, managers, collect);
  stop = () => {
    gc.stop();
    unfollow();
  };
  worker.once('error', failed);
  worker.once('exit', (code) => {
    if (!control.isDetached) return failed(new Error(`its thread ended with code ${code}`));
    // As if it had never been here; unless another has come meanwhile.
    stop?.();
    heap.stop();
    stay();
    if (holder[AGENT_KEY] === handle) Reflect.deleteProperty(globalThis, AGENT_KEY);
  });
  // Only now: a listener for messages takes the reference back.
  worker.unref();
}

/** Unpacked only in its own thread: 100 KB that the main heap never holds. Not by `eval`, which a process may forbid. */
const UNPACK = `
  const { source } = require('node:worker_threads').workerData;
  const text = require('node:zlib').inflateRawSync(Buffer.from(source, 'base64')).toString();
  require('node:vm').runInThisContext('(function (require) {' + text + '})', { filename: 'memtool-agent' })(require);
`;

function startWorker(workerData: WorkerStart, failed: (error: unknown) => void, source?: string): Worker | undefined {
  try {
    const isSent = source !== undefined;
    return new Worker(isSent ? UNPACK : new URL('./agent-worker.cjs', import.meta.url), {
      eval: isSent,
      workerData: isSent ? { ...workerData, source } : workerData,
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
function follow(worker: Worker, managers: LocalManagers, collect: (gcSeconds?: number) => MainMemory): () => void {
  const send = (message: MessageToWorker): void => worker.postMessage(message);
  const responder = new Responder(managers.byId, send, collect);
  worker.on('message', (request: RequestMessage) => responder.receive(request));
  return managers.follow(send);
}

interface Leaving {
  control: Control;
  worker: Worker | undefined;
  place: Place;
  heap: MainHeap;
  ending: Ending;
}

function onExit({ control, worker, place, heap, ending }: Leaving): () => void {
  const ignoreErrors = ending.watchErrors();
  // Whatever fails in it: who finds a stale socket removes it.
  const ignoreExit = onProcessExit((code) => {
    const left = control.exit();
    worker?.postMessage({ kind: 'exiting' } satisfies MessageToWorker);
    control.awaitSessionEnd();
    heap.stop();
    if (left === 'socket') removeFile(join(place.directory, place.socketName));
    // One that listens may have noted a failure too.
    if (left) removeFile(join(place.directory, place.failureName));
    ending.note(code);
  });
  return () => {
    ignoreErrors();
    ignoreExit();
  };
}

/** As told by who attaches; else MEMTOOL_SAMPLE_BYTES, where 0 switches it off. What is no number is not taken for one. */
function sampleBytes(injection?: Injection): number {
  if (injection?.sampleBytes !== undefined) return injection.sampleBytes;
  const told = process.env['MEMTOOL_SAMPLE_BYTES'];
  return told !== undefined && /^\d{1,9}$/.test(told) ? Number(told) : SAMPLE_BYTES_DEFAULT;
}

type Place = Omit<WorkerStart, 'managers'>;
