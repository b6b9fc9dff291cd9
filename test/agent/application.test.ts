import { expect, test } from 'vitest';
import { Application } from '../../src/agent/application.ts';
import {
  MAIN_THREAD,
  REQUEST,
  type MainMemory,
  type RequestMessage,
  type ThreadMessage,
} from '../../src/agent/messages.ts';
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
    ledgerMemory: new SharedArrayBuffer(8),
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
  const application = new Application((_thread, message) => posted.push(message));
  const responder = new Responder(new Map(managers.entries()), (message: ThreadMessage) => {
    if (message.kind === 'answer') application.receive(MAIN_THREAD, message.requestId, message.answer);
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
  const asked = application.ask(MAIN_THREAD, { kind: 'collect' }, PATIENCE);
  deliver();
  const outcome = await asked;
  expect(outcome.kind === 'answered' ? Object.keys(outcome.value satisfies MainMemory) : []).toContain('heapUsedBytes');
});

test('a request that was withdrawn is not run when it arrives at last', async () => {
  let runs = 0;
  const { application, deliver } = connected([manager('a', async () => void (runs += 1))]);
  expect(await application.ask(MAIN_THREAD, { ...CLEANUP, managers: [0] }, IMPATIENCE)).toEqual({ kind: 'withdrawn' });
  deliver();
  const next = application.ask(MAIN_THREAD, { ...CLEANUP, managers: [0] }, PATIENCE);
  deliver();
  expect((await next).kind).toBe('answered');
  expect(runs).toBe(1);
});

test('a request behind a cleanup that does not end can still be withdrawn', async () => {
  let runs = 0;
  const slow = new Gate();
  const { application, deliver } = connected([manager('slow', () => ((runs += 1), slow.opened))]);
  const first = application.ask(MAIN_THREAD, { ...CLEANUP, managers: [0] }, PATIENCE);
  deliver();
  const second = application.ask(
    MAIN_THREAD,
    { ...CLEANUP, managers: [0] },
    { takenWithinMs: 50, answeredWithinMs: 50 },
  );
  deliver();
  expect(await second).toEqual({ kind: 'withdrawn' });
  slow.open();
  expect((await first).kind).toBe('answered');
  expect(runs).toBe(1);
});

test('what is taken up and takes too long is given up, and its late answer is dropped', async () => {
  const taken = new Application((_thread, request) => Atomics.store(request.state, 0, REQUEST.taken));
  expect(await taken.ask(MAIN_THREAD, { kind: 'observe' }, { takenWithinMs: 1, answeredWithinMs: 2 })).toEqual({
    kind: 'unanswered',
  });
  expect(() => taken.receive(MAIN_THREAD, 0, { ok: true, value: [] })).not.toThrow();
});

test('a manager that fails takes nothing from the others', async () => {
  const bad = manager('bad', () => Promise.reject(new Error('on purpose')));
  const { application, deliver } = connected([bad, manager('good')]);
  const asked = application.ask(MAIN_THREAD, { ...CLEANUP, managers: [0, 1, 2] }, PATIENCE);
  deliver();
  const outcome = await asked;
  expect(outcome.kind === 'answered' && outcome.value.managers).toEqual([
    { name: 'bad', ok: false, message: 'on purpose' },
    { name: 'good', ok: true, cleanup: { reclaimed: [], left: [] } },
  ]);
});

/** A thread that reads nothing until it is told to: what was sent to it, and an application that sends. */
function deaf(): { application: Application; sent: RequestMessage[]; read: () => void } {
  const sent: RequestMessage[] = [];
  const application = new Application((_thread, request) => sent.push(request));
  const responder = new Responder(new Map(), (message) => {
    if (message.kind === 'answer') application.receive(MAIN_THREAD, message.requestId, message.answer);
  });
  return {
    application,
    sent,
    read: () => {
      for (const request of sent.splice(0)) responder.receive(request);
    },
  };
}

test('a thread that does not read is not sent more than a few requests of a kind, whatever is asked of it', async () => {
  const { application, sent, read } = deaf();
  const asked = Array.from({ length: 100 }, () => application.ask(MAIN_THREAD, { kind: 'observe' }, IMPATIENCE));
  expect(new Set((await Promise.all(asked)).map(({ kind }) => kind))).toEqual(new Set(['withdrawn']));
  expect(sent).toHaveLength(8);
  const other = application.ask(MAIN_THREAD, { kind: 'collect' }, PATIENCE);
  expect(sent).toHaveLength(9);
  read();
  expect((await other).kind).toBe('answered');
  // Of the ninety-two that were never sent none is sent now.
  const next = application.ask(MAIN_THREAD, { kind: 'observe' }, PATIENCE);
  expect(sent).toHaveLength(1);
  read();
  expect(await next).toEqual({ kind: 'answered', value: [] });
});

test('what had to wait is sent when the thread reads', async () => {
  const { application, sent, read } = deaf();
  const asked = Array.from({ length: 20 }, () => application.ask(MAIN_THREAD, { kind: 'observe' }, PATIENCE));
  const outcomes = Promise.all(asked);
  while (sent.length > 0) {
    read();
    await new Promise(setImmediate);
  }
  expect(new Set((await outcomes).map(({ kind }) => kind))).toEqual(new Set(['answered']));
});

test('of a thread that has ended nobody waits for an answer, and what it was asked for is withdrawn', async () => {
  const { application, sent } = deaf();
  const ended = application.ask(3, { kind: 'observe' }, PATIENCE);
  application.forget(3);
  expect(await ended).toEqual({ kind: 'gone' });
  expect(sent.map(({ state }) => Atomics.load(state, 0))).toEqual([REQUEST.withdrawn]);
});

test('a thread cannot answer for another', async () => {
  const { application } = deaf();
  const asked = application.ask(3, { kind: 'observe' }, IMPATIENCE);
  application.receive(4, 0, { ok: true, value: [] });
  expect(await asked).toEqual({ kind: 'withdrawn' });
});
