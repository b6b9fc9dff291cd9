/**
 * The demo service: an application of memtool like any other. `memtool demo` starts it and speaks with it over process IPC
 * (`messages.ts`); run by itself it serves a trickle of queries for ever. It prints nothing.
 */
import { MemoryManager } from 'memtool';
import { collectGarbage } from './collect-garbage.ts';
import { Engine } from './engine.ts';
import { Load } from './load.ts';
import type { DemoEvent, DemoRequest } from './messages.ts';
import { makeOrders } from './orders.ts';
import { pooledMemory } from './pooled-memory.ts';

const PROGRESS_INTERVAL_MS = 200;
const TRICKLE_INTERVAL_MS = 250;
/** Of the trickle: every ten seconds or so the service forgets a little more. */
const TRICKLE_PROFILED_ONE_IN = 40;

const memory = new MemoryManager({ name: 'memtool-demo' });
let kept = process.send === undefined;
let load: Load | undefined;

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('disconnect', () => {
  if (!kept) stop();
});
process.on('message', (request: DemoRequest) => {
  switch (request.type) {
    case 'load':
      return void drive(request.seconds);
    case 'keep':
      kept = true;
      return;
    case 'stop':
      return stop();
  }
});

send({ type: 'ready', pid: process.pid });
if (process.send === undefined) trickle(open());

async function drive(seconds: number): Promise<void> {
  // One load at a time: the counts would be of neither.
  if (load) return;
  const startedMs = performance.now();
  const running = open();
  let reportedMs = performance.now();
  await running.drive(seconds, (done) => {
    const nowMs = performance.now();
    if (nowMs - reportedMs < PROGRESS_INTERVAL_MS) return;
    reportedMs = nowMs;
    send({ type: 'progress', done, ...running.counts });
  });
  await collectGarbage();
  send({ type: 'done', ...running.counts, seconds: (performance.now() - startedMs) / 1000 });
  trickle(running);
}

/** Makes the data and the engine, and tells memtool of what it cannot know by itself. */
function open(): Load {
  const orders = makeOrders();
  const engine = new Engine(pooledMemory(memory), [orders]);
  memory.onReclaim('cache', (targetBytes) => engine.cache.reclaim(targetBytes));
  memory.observe('tables', () => Promise.resolve({ usedBytes: orders.sizeBytes, limitBytes: null }));
  load = new Load(engine);
  return load;
}

/** A few queries a second, as of a service at night. */
function trickle(quiet: Load): void {
  let ticks = 0;
  setInterval(() => {
    ticks += 1;
    if (ticks % TRICKLE_PROFILED_ONE_IN === 0) quiet.profiled();
    else quiet.ordinary();
  }, TRICKLE_INTERVAL_MS);
}

function send(event: DemoEvent): void {
  // Whoever asked may be gone; 'disconnect' says what to do then, and a message that comes too late is of no interest.
  if (process.connected) process.send?.(event, undefined, undefined, () => undefined);
}

function stop(): void {
  memory.close();
  process.exit(0);
}
