/**
 * The demo service: an application of memtool like any other. Its main thread makes the manager and shares it with two
 * threads that run the queries. `memtool demo` starts it and speaks with it over process IPC (`messages.ts`); run by itself
 * it serves a trickle of queries for ever. It prints nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryManager } from 'memtool';
import { CACHE_BYTES_MAX } from './engine.ts';
import { Load } from './load.ts';
import type { DemoEvent, DemoRequest } from './messages.ts';
import { makeOrders } from './orders.ts';
import { QueryThread } from './query-thread.ts';
import { USERS_BY_THREAD } from './users.ts';

const PROGRESS_INTERVAL_MS = 200;
const TRICKLE_INTERVAL_MS = 250;
/** Of the trickle: every ten seconds or so the service forgets a little more. */
const TRICKLE_PROFILED_EVERY = 40;

const memory = new MemoryManager({ name: 'memtool-demo' });
const shared = memory.share();
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
if (process.send === undefined) void trickle(open());

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
  await running.collectGarbage();
  send({ type: 'done', ...running.counts, seconds: (performance.now() - startedMs) / 1000 });
  void trickle(running);
}

/** Makes the data, the users' accounts and the threads, and tells memtool of what it cannot know by itself. */
function open(): Load {
  const orders = makeOrders();
  memory.observe('tables', () => Promise.resolve({ usedBytes: orders.sizeBytes, limitBytes: null }));
  // Held for as long as the service runs: a user of whom nothing is open any more would have no limit the next time.
  for (const { name, limit } of USERS_BY_THREAD.flat()) memory.openUser(name, limit === undefined ? {} : { limit });
  const threads = USERS_BY_THREAD.map(
    () =>
      new QueryThread({
        memory: shared,
        tables: [orders],
        cacheBytesMax: CACHE_BYTES_MAX / USERS_BY_THREAD.length,
      }),
  );
  load = new Load(threads, memory);
  return load;
}

/* oxlint-disable no-await-in-loop -- one after the other */
/** A few queries a second, as of a service at night. */
async function trickle(quiet: Load): Promise<void> {
  for (let tick = 1; ; tick += 1) {
    await sleep(TRICKLE_INTERVAL_MS);
    // While the demo runs it is to see that what was given back is gone.
    await (kept && tick % TRICKLE_PROFILED_EVERY === 0 ? quiet.profiled() : quiet.ordinary());
  }
}
/* oxlint-enable no-await-in-loop */

function send(event: DemoEvent): void {
  // Whoever asked may be gone; 'disconnect' says what to do then, and a message that comes too late is of no interest.
  if (process.connected) process.send?.(event, undefined, undefined, () => undefined);
}

function stop(): void {
  memory.close();
  process.exit(0);
}
