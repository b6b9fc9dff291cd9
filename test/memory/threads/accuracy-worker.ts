// A working thread of an accuracy run: joins the manager, operates at random until its work or its life is over, and then
// does what it is asked.
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { Control } from './accuracy-control.ts';
import {
  DIED_AS_ORDERED,
  type Fate,
  type FromWorker,
  type Request,
  type ToWorker,
  type WorkerOrders,
} from './accuracy-plan.ts';
import { Workload } from './accuracy-workload.ts';

/** Operations in one turn of the event loop. */
const BURST = 400;
/** Of the accesses to what threads share, the last before the end is one of so many. */
const STEPS_MAX = 40;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by the crew
const orders = workerData as WorkerOrders;
if (parentPort === null) throw new Error('This is a worker.');
const port: MessagePort = parentPort;
const post = (message: FromWorker): void => port.postMessage(message);
const memory = MemoryManager.join(orders.memory);
const control = new Control(orders.control);
const { slot, seed } = orders;
const workload = new Workload({ memory, control, slot, seed, send: (ticket) => post({ kind: 'sent', ticket }) });

port.on('message', (message: ToWorker) => {
  if (message.kind === 'ask') void answer(message.id, message.request);
  else {
    const { id, ticket } = message;
    workload.inbox.push({ ticket, isDoubtful: false, onReceived: () => post({ kind: 'received', id }) });
  }
});

for (let done = 0; done < orders.operations;) {
  for (const end = Math.min(orders.operations, done + BURST); done < end; done += 1) {
    if (done === orders.fate?.atOperation) meetFate(orders.fate.kind);
    workload.operate();
  }
  // oxlint-disable-next-line no-await-in-loop -- a turn ends, and messages come in
  await setImmediate();
}
post({ kind: 'idle' });

async function answer(id: number, request: Request): Promise<void> {
  await workload.obey(request);
  post({ kind: 'answer', id, holdings: workload.holdings });
}

function meetFate(kind: Fate['kind']): void {
  switch (kind) {
    case 'terminated':
      // From outside, which comes when it comes.
      break;
    case 'exit':
      return process.exit();
    case 'error':
      throw new Error(DIED_AS_ORDERED);
    case 'step':
      dieAtStep(1 + (seed % STEPS_MAX));
  }
}

/** Dies right before one of the next accesses to what threads share: between two that belong together, as likely as not. */
function dieAtStep(steps: number): void {
  let left = steps;
  for (const name of ['load', 'store', 'add', 'sub', 'compareExchange'] as const) {
    const access: (...given: never[]) => unknown = Atomics[name];
    const counted = (...given: never[]): unknown => {
      left -= 1;
      if (left <= 0) endHere();
      return access(...given);
    };
    Object.defineProperty(Atomics, name, { value: counted });
  }
}

function endHere(): never {
  process.exit();
  // In a worker `exit` takes effect with the next turn of a loop.
  for (;;);
}
