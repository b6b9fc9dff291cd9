/** The agent's thread. It is bundled into one file without dependencies, and never ends by itself: see DESIGN, section 5. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { SCOPE_QUERY_DEFAULT } from '../protocol.ts';
import { Application } from './application.ts';
import { runCleanup } from './cleanup.ts';
import { Control } from './control.ts';
import { recordFailure } from './failure.ts';
import { History } from './history.ts';
import { listen } from './listen.ts';
import { Managers } from './managers.ts';
import type { MessageToWorker, WorkerStart } from './messages.ts';
import { renderMetrics } from './metrics.ts';
import { ProcessProbe } from './probes/process.ts';
import { HeapProbe } from './probes/v8.ts';
import { Reports } from './reports.ts';
import type { Verbs } from './routes.ts';
import { Sampler } from './sampler.ts';
import { createAgentServer } from './server.ts';

const start: WorkerStart = workerData;
const control = new Control(start.control);

const managers = new Managers();
for (const manager of start.managers) managers.add(manager);

const application = new Application((message) => parentPort?.postMessage(message));
const heap = new HeapProbe(application, control);
const probe = new ProcessProbe();
const history = new History();
const memtoolVersion = readVersion();
const reports = new Reports({
  managers,
  application,
  heap,
  process: probe,
  history,
  scriptName: start.scriptName,
  heapLimitBytes: start.heapLimitBytes,
  memtoolVersion,
});

const verbs: Verbs = {
  health: () => reports.health(),
  stats: (scopes) => reports.stats(scopes),
  pressure: () => reports.pressure(),
  leaks: (ageSeconds) => reports.leaks(ageSeconds),
  cleanup: (request) => runCleanup({ managers, application, identity: () => reports.identity() }, request),
  metrics: async () =>
    renderMetrics(await reports.stats({ ...SCOPE_QUERY_DEFAULT, count: 0 }), probe.cpuSeconds(), memtoolVersion),
};

// A thread that ends within 100 ms of disconnecting an inspector session takes the process with it on 24 and 26: stay.
process.on('uncaughtException', (error) => recordFailure(start, error));
process.on('unhandledRejection', (error) => recordFailure(start, error));
parentPort?.on('message', receive);

new Sampler({ managers, history, process: probe, heap }).start();
const server = createAgentServer(verbs);
listen(server, start.directory, start.socketName, control).then(
  () => server.on('error', (error) => recordFailure(start, error)),
  (error: unknown) => {
    if (control.fail()) recordFailure(start, error);
  },
);

function receive(message: MessageToWorker): void {
  switch (message.kind) {
    case 'manager-added':
      managers.add(message);
      break;
    case 'manager-removed':
      managers.remove(message.id);
      break;
    case 'answer':
      application.receive(message.requestId, message.answer);
      break;
    case 'exiting':
      heap.release();
      break;
  }
}

function readVersion(): string {
  try {
    const { version }: { version: string } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    return version;
  } catch {
    // Sent into a process as text, it is nobody's file.
    return 'unknown';
  }
}
