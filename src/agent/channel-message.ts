/** Reads what comes over a channel: anybody in the process may post to it, so what is not exactly ours is dropped. */
import { types } from 'node:util';
import type { CleanupOptions } from '../memory/registry.ts';
import type { ThreadIdentity } from '../memory/threads/thread-id.ts';
import type { Announcement, Answer, RequestMessage, ThreadMessage, Work } from './messages.ts';

/** No manager has a longer name. */
const NAME_CHARACTERS_MAX = 256;

type Fields = Readonly<Record<string, unknown>>;

/** What a worker thread tells the agent. @returns `undefined` for what is none */
export function readAnnouncement(data: unknown): Announcement | undefined {
  if (!isFields(data)) return undefined;
  const { threadId } = data;
  const identity = readIdentity(data['identity']);
  const message = readThreadMessage(data['message']);
  // The main thread, whose id is 0, has a port of its own.
  if (!isNatural(threadId) || threadId === 0 || !identity || !message) return undefined;
  return { threadId, identity, message };
}

/** What the agent asks of this worker thread. @returns `undefined` for what is none, or is for another thread */
export function readRequest(data: unknown, threadId: number): RequestMessage | undefined {
  if (!isFields(data) || data['to'] !== threadId || !isFields(data['request'])) return undefined;
  const { requestId, state, work: asked } = data['request'];
  const work = readWork(asked);
  if (!isNatural(requestId) || !isSharedWord(state) || !work) return undefined;
  return { requestId, state, work };
}

function readIdentity(value: unknown): ThreadIdentity | undefined {
  if (!isFields(value)) return undefined;
  const { tid, startTicks } = value;
  return isNatural(tid) && Number.isInteger(startTicks) && typeof startTicks === 'number'
    ? { tid, startTicks }
    : undefined;
}

function readThreadMessage(value: unknown): ThreadMessage | undefined {
  if (!isFields(value)) return undefined;
  const { kind, id, name, ledgerId, shared, requestId } = value;
  switch (kind) {
    case 'manager-added':
      return isNatural(id) && isName(name) && isNatural(ledgerId) && types.isSharedArrayBuffer(shared)
        ? { kind, id, name, ledgerId, shared }
        : undefined;
    case 'manager-removed':
      return isNatural(id) ? { kind, id } : undefined;
    case 'answer': {
      const answer = readAnswer(value['answer']);
      return isNatural(requestId) && answer ? { kind, requestId, answer } : undefined;
    }
    default:
      return undefined;
  }
}

function readAnswer(value: unknown): Answer | undefined {
  if (!isFields(value)) return undefined;
  const { ok, message } = value;
  if (ok === true) return { ok, value: value['value'] };
  return ok === false && typeof message === 'string' ? { ok, message } : undefined;
}

function readWork(value: unknown): Work | undefined {
  if (!isFields(value)) return undefined;
  const { kind, managers, gc } = value;
  switch (kind) {
    case 'collect':
    case 'observe':
      return { kind };
    case 'cleanup': {
      const options = readOptions(value['options']);
      return Array.isArray(managers) && managers.every(isNatural) && options && typeof gc === 'boolean'
        ? { kind, managers, options, gc }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** An option of the wrong type is not left out: without it, more might be cleaned up than was asked for. */
function readOptions(value: unknown): CleanupOptions | undefined {
  if (!isFields(value)) return undefined;
  const { ageSeconds, pool, dryRun = false, force = false } = value;
  if (typeof ageSeconds !== 'number' || typeof dryRun !== 'boolean' || typeof force !== 'boolean') return undefined;
  if (pool === undefined) return { ageSeconds, dryRun, force };
  return typeof pool === 'string' ? { ageSeconds, pool, dryRun, force } : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARACTERS_MAX;
}

/** Not by `instanceof`: a program that runs in a context of its own, as test runners make, has other constructors. */
function isSharedWord(value: unknown): value is Int32Array<SharedArrayBuffer> {
  return types.isInt32Array(value) && value.length > 0 && types.isSharedArrayBuffer(value.buffer);
}
