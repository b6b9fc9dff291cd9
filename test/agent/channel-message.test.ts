import { expect, test } from 'vitest';
import { readAnnouncement, readRequest } from '../../src/agent/channel-message.ts';

const shared = new SharedArrayBuffer(8);
const state = new Int32Array(new SharedArrayBuffer(4));
const ADDED = { kind: 'manager-added', id: 0, name: 'a', ledgerId: 1, shared };
const FROM = { threadId: 2, identity: { tid: 5, startTicks: -7 } };
const CLEANUP = {
  kind: 'cleanup',
  managers: [0, 1],
  options: { ageSeconds: 1, pool: 'p', dryRun: true, force: false },
  gc: true,
};

test.each([
  ADDED,
  { kind: 'manager-removed', id: 3 },
  { kind: 'answer', requestId: 0, answer: { ok: true, value: [1] } },
  { kind: 'answer', requestId: 0, answer: { ok: false, message: 'no' } },
])('what a thread says is taken over: %j', (message) => {
  expect(readAnnouncement(structuredClone({ ...FROM, message }))).toEqual({ ...FROM, message });
});

test.each([
  undefined,
  null,
  0,
  'who is there?',
  [],
  {},
  { ...FROM, message: null },
  { ...FROM, message: { kind: 'constructor' } },
  { message: ADDED },
  { ...FROM, threadId: 0, message: ADDED },
  { ...FROM, threadId: 1.5, message: ADDED },
  { ...FROM, threadId: '2', message: ADDED },
  { ...FROM, identity: { tid: -1, startTicks: 0 }, message: ADDED },
  { ...FROM, identity: { tid: 1, startTicks: NaN }, message: ADDED },
  { ...FROM, message: { ...ADDED, id: -1 } },
  { ...FROM, message: { ...ADDED, name: 'x'.repeat(1000) } },
  { ...FROM, message: { ...ADDED, name: '' } },
  { ...FROM, message: { ...ADDED, ledgerId: 0.5 } },
  { ...FROM, message: { ...ADDED, shared: new ArrayBuffer(8) } },
  { ...FROM, message: { kind: 'manager-removed', id: '0' } },
  { ...FROM, message: { kind: 'answer', requestId: 0 } },
  { ...FROM, message: { kind: 'answer', requestId: 0, answer: { ok: false } } },
  { ...FROM, message: { kind: 'answer', requestId: null, answer: { ok: true } } },
])('what no thread of ours would say is none: case %#', (data) => {
  expect(readAnnouncement(data)).toBeUndefined();
});

test.each([{ kind: 'collect' }, { kind: 'observe' }, CLEANUP])('a request is taken over: %j', (work) => {
  const request = { requestId: 4, state, work };
  expect(readRequest({ to: 2, request }, 2)).toEqual(request);
  expect(readRequest({ to: 3, request }, 2)).toBeUndefined();
});

test.each([
  null,
  'collect',
  { requestId: 4, state, work: { kind: 'exit' } },
  { requestId: -4, state, work: { kind: 'collect' } },
  { requestId: 4, state: new Int32Array(1), work: { kind: 'collect' } },
  { requestId: 4, state: new Int32Array(new SharedArrayBuffer(0)), work: { kind: 'collect' } },
  { requestId: 4, state: [0], work: { kind: 'collect' } },
  { requestId: 4, state, work: { ...CLEANUP, managers: ['0'] } },
  { requestId: 4, state, work: { ...CLEANUP, managers: 0 } },
  { requestId: 4, state, work: { ...CLEANUP, options: null } },
  // Without the option more would be done than was asked for.
  { requestId: 4, state, work: { ...CLEANUP, options: { ageSeconds: 1, dryRun: 'yes' } } },
  { requestId: 4, state, work: { ...CLEANUP, options: { ageSeconds: 1, pool: 7 } } },
  { requestId: 4, state, work: { ...CLEANUP, options: {} } },
  { requestId: 4, state, work: { ...CLEANUP, gc: 1 } },
])('what the agent would not ask is no request: case %#', (data) => {
  expect(readRequest({ to: 2, request: data }, 2)).toBeUndefined();
  expect(readRequest(data, 2)).toBeUndefined();
});
