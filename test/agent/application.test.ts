import { expect, test } from 'vitest';
import { Application } from '../../src/agent/application.ts';
import { REQUEST, type MainMemory, type MessageToWorker, type RequestMessage } from '../../src/agent/messages.ts';
import { Responder } from '../../src/agent/responder.ts';
import type { RegisteredManager } from '../../src/memory/registry.ts';
import { Gate } from './gate.ts';

const PATIENCE = { takenWithinMs: 20_000, answeredWithinMs: 20_000 };
const IMPATIENCE = { takenWithinMs: 1, answeredWithinMs: 1 };

function manager(name: string, cleanup: () => Promise<void> = async () => {}): RegisteredManager {
  return {
    name,
    wantsAgent: true,
    ledgerId: 1,
    shared: new SharedArrayBuffer(8),
    cleanup: async () => {
      await cleanup();
      return { reclaimed: [], left: [] };
    },
    observed: async () => [{ name: 'o', usedBytes: 1, limitBytes: null }],
  };
}

/** Both sides, with a post between them that delivers when it is told to. */
function connected(managers: RegisteredManager[]): { application: Application; deliver: () => void } {
  const posted: RequestMessage[] = [];
  const application = new Application((message) => posted.push(message));
  const responder = new Responder(new Map(managers.entries()), (message: MessageToWorker) => {
    if (message.kind === 'answer') application.receive(message.requestId, message.answer);
  });
  return {
    application,
    deliver: () => {
      for (const request of posted.splice(0)) responder.receive(request);
    },
  };
}

const CLEANUP = { kind: 'cleanup', managers: [0], options: {}, gc: false } as const;

test('a request that is taken up is answered', async () => {
  const { application, deliver } = connected([]);
  const asked = application.ask({ kind: 'collect' }, PATIENCE);
  deliver();
  const outcome = await asked;
  expect(outcome.kind === 'answered' ? Object.keys(outcome.value satisfies MainMemory) : []).toContain('heapUsedBytes');
});

test('a request that was withdrawn is not run when it arrives at last', async () => {
  let runs = 0;
  const { application, deliver } = connected([manager('a', async () => void (runs += 1))]);
  expect(await application.ask({ ...CLEANUP, managers: [0] }, IMPATIENCE)).toEqual({ kind: 'withdrawn' });
  deliver();
  const next = application.ask({ ...CLEANUP, managers: [0] }, PATIENCE);
  deliver();
  expect((await next).kind).toBe('answered');
  expect(runs).toBe(1);
});

test('a request behind a cleanup that does not end can still be withdrawn', async () => {
  let runs = 0;
  const slow = new Gate();
  const { application, deliver } = connected([manager('slow', () => ((runs += 1), slow.opened))]);
  const first = application.ask({ ...CLEANUP, managers: [0] }, PATIENCE);
  deliver();
  const second = application.ask({ ...CLEANUP, managers: [0] }, { takenWithinMs: 50, answeredWithinMs: 50 });
  deliver();
  expect(await second).toEqual({ kind: 'withdrawn' });
  slow.open();
  expect((await first).kind).toBe('answered');
  expect(runs).toBe(1);
});

test('what is taken up and takes too long is given up, and its late answer is dropped', async () => {
  const taken = new Application((request) => Atomics.store(request.state, 0, REQUEST.taken));
  expect(await taken.ask({ kind: 'observe' }, { takenWithinMs: 1, answeredWithinMs: 2 })).toEqual({
    kind: 'unanswered',
  });
  expect(() => taken.receive(0, { ok: true, value: [] })).not.toThrow();
});

test('a manager that fails takes nothing from the others', async () => {
  const bad = manager('bad', () => Promise.reject(new Error('on purpose')));
  const { application, deliver } = connected([bad, manager('good')]);
  const asked = application.ask({ ...CLEANUP, managers: [0, 1, 2] }, PATIENCE);
  deliver();
  const outcome = await asked;
  expect(outcome.kind === 'answered' && outcome.value.managers).toEqual([
    { name: 'bad', ok: false, message: 'on purpose' },
    { name: 'good', ok: true, cleanup: { reclaimed: [], left: [] } },
  ]);
});
