/** The agent's thread. It is bundled into one file without dependencies, and never ends by itself: see DESIGN, section 5. */
import { parentPort, workerData } from 'node:worker_threads';
import { readFamilies } from '../metrics/table.ts';
import { renderText } from '../metrics/text.ts';
import { Application } from './application.ts';
import { BlackBox } from './black-box.ts';
import { runCleanup, type CleanupSources } from './cleanup.ts';
import { Control } from './control.ts';
import { Departure } from './departure.ts';
import { recordFailure } from './failure.ts';
import { History } from './history.ts';
import { listen } from './listen.ts';
import { Managers } from './managers.ts';
import { MainThread } from './main-thread.ts';
import { MAIN_THREAD, type MessageToWorker, type WorkerStart } from './messages.ts';
import { ProcessProbe } from './probes/process.ts';
import { HeapReader } from './probes/heap-reader.ts';
import { HeapTracker } from './probes/heap-tracker.ts';
import { HeapProbe } from './probes/v8.ts';
import { WorkerHeapsProbe } from './probes/worker-heaps.ts';
import { Reports } from './reports.ts';
import type { Verbs } from './routes.ts';
import { Sampler } from './sampler.ts';
import { createAgentServer } from './server.ts';
import { WorkerThreads } from './worker-threads.ts';

const start: WorkerStart = workerData;
const control = new Control(start.control);

const managers = new Managers();
for (const manager of start.managers) managers.add(MAIN_THREAD, manager);

const application = new Application((threadId, request) => {
  if (threadId === MAIN_THREAD) parentPort?.postMessage(request);
  else workerThreads.send(threadId, request);
});
const workerThreads = new WorkerThreads({ managers, application });
const mainThread = new MainThread(control);
const heap = new HeapProbe(application, mainThread);
const workerHeaps = new WorkerHeapsProbe(mainThread);
const heapReader = new HeapReader(mainThread);
const heapTracker = new HeapTracker(mainThread);
const probe = new ProcessProbe();
const history = new History();
// Put in by the bundler: sent into a process as text, this is nobody's file.
const memtoolVersion = process.env['MEMTOOL_VERSION'] ?? 'unknown';
const blackBox = new BlackBox({ start, control, managers, process: probe, memtoolVersion });
const reports = new Reports({
  blackBox,
  managers,
  application,
  heap,
  workerHeaps,
  heapReader,
  process: probe,
  history,
  scriptName: start.scriptName,
  heapLimitBytes: start.heapLimitBytes,
  memtoolVersion,
});

/** Nothing is told of a thread that has ended. */
function current(): Reports {
  workerThreads.dropEnded();
  return reports;
}

const cleanupSources: CleanupSources = {
  managers,
  application,
  identity: () => current().identity(),
  rssBytes: () => probe.rssBytes(),
};

const verbs: Verbs = {
  health: () => current().health(),
  stats: (scopes, extent) => current().stats(scopes, extent),
  pressure: () => current().pressure(),
  leaks: (ageSeconds, pauseMsMax) => current().leaks(ageSeconds, pauseMsMax),
  profile: (pauseMsMax) => current().profile(pauseMsMax),
  snapshot: (seconds) => {
    const track = heapTracker.claim();
    return (sink) => track(seconds, sink);
  },
  cleanup: (request) => {
    workerThreads.dropEnded();
    return runCleanup(cleanupSources, request);
  },
  detach: () => departure.onRequest(),
  metrics: async () => renderText(readFamilies(await current().metrics())),
};

// A thread that ends within 100 ms of disconnecting an inspector session takes the process with it on 24 and 26: stay.
process.on('uncaughtException', (error) => recordFailure(start, error));
process.on('unhandledRejection', (error) => recordFailure(start, error));
parentPort?.on('message', receive);
workerThreads.start();

const sampler = new Sampler({ managers, workerThreads, history, process: probe, heap, blackBox });

const server = createAgentServer(verbs);
const departure = new Departure({
  start,
  control,
  server,
  stop: () => {
    sampler.stop();
    blackBox.discard();
  },
});
server.on('connection', () => departure.putOff());
const listening = listen(server, start.directory, start.socketName, control);
blackBox.open();
sampler.start();
listening.then(
  () => server.on('error', (error) => recordFailure(start, error)),
  (error: unknown) => {
    if (control.fail()) recordFailure(start, error);
  },
);

function receive(message: MessageToWorker): void {
  switch (message.kind) {
    case 'manager-added':
      managers.add(MAIN_THREAD, message);
      break;
    case 'manager-removed':
      managers.remove(MAIN_THREAD, message.id);
      break;
    case 'answer':
      application.receive(MAIN_THREAD, message.requestId, message.answer);
      break;
    case 'exiting':
      mainThread.release();
      break;
  }
}
