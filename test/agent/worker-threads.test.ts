/** What the agent makes of what it hears of threads, without any. */
import { expect, test } from 'vitest';
import { Application } from '../../src/agent/application.ts';
import { Managers } from '../../src/agent/managers.ts';
import { WorkerThreads } from '../../src/agent/worker-threads.ts';
import { ownIdentity, UNKNOWN_TIDS } from '../../src/memory/threads/thread-id.ts';

const PATIENCE = { takenWithinMs: 20_000, answeredWithinMs: 20_000 };
const ALIVE = ownIdentity();
/** No system gives out this id. */
const DEAD = { tid: 4_999_999, startTicks: 1 };

interface Heard {
  managers: Managers;
  application: Application;
  threads: WorkerThreads;
  added: (threadId: number, id: number, ledgerId: number, identity?: object) => void;
  removed: (threadId: number, id: number) => void;
}

function heard(): Heard {
  const managers = new Managers();
  const application = new Application(() => {});
  const threads = new WorkerThreads({ managers, application });
  const say = (threadId: number, identity: object, message: object): void =>
    threads.receive({ threadId, identity, message });
  return {
    managers,
    application,
    threads,
    // It cannot be read, and is known all the same.
    added: (threadId, id, ledgerId, identity = ALIVE) =>
      say(threadId, identity, {
        kind: 'manager-added',
        id,
        ledgerId,
        name: `m${ledgerId}`,
        shared: new SharedArrayBuffer(8),
      }),
    removed: (threadId, id) => say(threadId, ALIVE, { kind: 'manager-removed', id }),
  };
}

test('a thread that has ended without a word is dropped with all its managers, and no other', async () => {
  const { managers, application, threads, added } = heard();
  added(2, 0, 20, DEAD);
  added(2, 1, 30, DEAD);
  added(3, 0, 30);
  const asked = application.ask(2, { kind: 'observe' }, PATIENCE);
  expect(managers.names).toEqual(['m20', 'm30']);
  threads.dropEnded();
  expect(managers.names).toEqual(['m30']);
  expect(await asked).toEqual({ kind: 'gone' });
});

test.runIf(ALIVE.tid < UNKNOWN_TIDS)('a thread that has the id of one that ended is another', () => {
  const { managers, threads, added } = heard();
  added(2, 0, 20, { tid: ALIVE.tid, startTicks: ALIVE.startTicks - 1 });
  threads.dropEnded();
  expect(managers.names).toEqual([]);
});

test('a thread whose end the system would not show stays', () => {
  const { managers, threads, added } = heard();
  added(2, 0, 20, { tid: UNKNOWN_TIDS + 2, startTicks: 0 });
  threads.dropEnded();
  expect(managers.names).toEqual(['m20']);
});

test('as many managers as are kept, whoever announces them; said while there are more, and heard again when there is room', () => {
  const { managers, threads, added, removed } = heard();
  for (let id = 0; id < 300; id += 1) added(2 + (id % 7), id, 1000 + id);
  expect(managers.names).toHaveLength(256);
  const unavailable: Record<string, string> = {};
  managers.stats(unavailable);
  expect(unavailable['managers']).toBe('no more than 256 managers of worker threads are shown, and there are more');
  // One that is known is no more than it was.
  added(2, 0, 1000);
  expect(managers.names).toHaveLength(256);
  removed(2, 0);
  threads.dropEnded();
  expect(managers.omitted).toBeUndefined();
  added(3, 260, 1260);
  expect(managers.names).toHaveLength(256);
  expect(managers.names).toContain('m1260');
});

test('nonsense changes nothing', () => {
  const { managers, threads, removed } = heard();
  for (const data of [null, 7, 'memtool', {}, { threadId: 2 }, { message: { kind: 'manager-added' } }]) {
    expect(() => threads.receive(data)).not.toThrow();
  }
  removed(9, 0);
  threads.receive({
    threadId: 2,
    identity: ALIVE,
    message: { kind: 'answer', requestId: 99, answer: { ok: true, value: 0 } },
  });
  threads.dropEnded();
  expect(managers.names).toEqual([]);
});
