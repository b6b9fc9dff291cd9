import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError, type ErrorCode } from '../errors.ts';
import {
  DEFAULT_AGE_SECONDS,
  ENDPOINTS,
  PAUSE_SECONDS_DEFAULT,
  SCOPE_QUERY_DEFAULT,
  STATS_EXTENT_DEFAULT,
  type CleanupRequest,
  type Health,
  type ScopeQuery,
  type StatsExtent,
} from '../protocol.ts';
import type { ProcessCleanup } from '../report/cleanup.ts';
import type { ProcessLeaks } from '../report/leaks.ts';
import type { ProcessPressure } from '../report/pressure.ts';
import type { ProcessProfile } from '../report/profile.ts';
import type { ProcessStats } from '../report/stats.ts';
import { AnswerReader, badAnswer, type Answer } from './answer.ts';
import type { AgentTarget } from './discover.ts';
import { vanishes } from './liveness.ts';
import { pinSocket } from './pinned.ts';

/** A full backlog refuses a connection (EAGAIN) until the agent has accepted some of those that wait. */
const BACKLOG_RETRY_MS = 50;

/** The agent gives up this much earlier than we do, so that its own words arrive rather than our time-out. */
const AGENT_TIMEOUT_SHARE = 0.8;

/** What every answer has; `pidInside` is put in here. */
interface Identified {
  pid: number;
  pidInside?: number;
}

interface Question {
  method: 'GET' | 'POST';
  path: string;
  body?: string;
}

export function askHealth(target: AgentTarget, timeoutMs: number): Promise<Health> {
  return ask(target, { method: 'GET', path: ENDPOINTS.health }, ['managers'], timeoutMs);
}

export function askStats(
  target: AgentTarget,
  timeoutMs: number,
  { count, sort }: ScopeQuery = SCOPE_QUERY_DEFAULT,
  { workers, gcSeconds }: StatsExtent = STATS_EXTENT_DEFAULT,
): Promise<ProcessStats> {
  const path = `${ENDPOINTS.stats}?scopes=${count}&sort=${sort}${workers ? '' : '&workers=0'}${gcSeconds > 0 ? `&gc=${gcSeconds}` : ''}`;
  return ask(target, { method: 'GET', path }, ['managers', 'pools', 'scopes'], timeoutMs);
}

export function askPressure(target: AgentTarget, timeoutMs: number): Promise<ProcessPressure> {
  return ask(target, { method: 'GET', path: ENDPOINTS.pressure }, ['resources'], timeoutMs);
}

export function askLeaks(
  target: AgentTarget,
  timeoutMs: number,
  ageSeconds: number = DEFAULT_AGE_SECONDS,
  pauseSecondsMax: number = PAUSE_SECONDS_DEFAULT,
): Promise<ProcessLeaks> {
  const path = `${ENDPOINTS.leaks}?age=${ageSeconds}&max-pause=${pauseSecondsMax}`;
  return ask(target, { method: 'GET', path }, ['leaks'], timeoutMs + pauseSecondsMax * 1000);
}

/** @param pauseSecondsMax for how long the main thread may stand still for it */
export function askProfile(
  target: AgentTarget,
  timeoutMs: number,
  pauseSecondsMax: number = PAUSE_SECONDS_DEFAULT,
): Promise<ProcessProfile> {
  const path = `${ENDPOINTS.profile}?max-pause=${pauseSecondsMax}`;
  return ask(target, { method: 'GET', path }, [], timeoutMs + pauseSecondsMax * 1000);
}

export function askDetach(target: AgentTarget, timeoutMs: number): Promise<{ pid: number }> {
  return ask(target, { method: 'POST', path: ENDPOINTS.detach }, [], timeoutMs);
}

/** In Prometheus' text format. */
export async function askMetrics(target: AgentTarget, timeoutMs: number): Promise<string> {
  const answer = await askForAnswer(target, { method: 'GET', path: ENDPOINTS.metrics }, timeoutMs);
  if (answer.status >= 400) throw readAgentError(answer);
  return answer.body;
}

export function askCleanup(target: AgentTarget, timeoutMs: number, request: CleanupRequest): Promise<ProcessCleanup> {
  const body = JSON.stringify({ timeoutMs: Math.round(timeoutMs * AGENT_TIMEOUT_SHARE), ...request });
  return ask(target, { method: 'POST', path: ENDPOINTS.cleanup, body }, ['reclaimed', 'left'], timeoutMs);
}

/**
 * @param lists - Fields that must be lists for the answer to be the report it should be.
 * @throws MemtoolError `MEMTOOL_TARGET_GONE`, `MEMTOOL_TIMEOUT`, `MEMTOOL_BAD_ANSWER`, `MEMTOOL_AGENT_FAILED`, or what the agent answered.
 */
async function ask<Report extends Identified>(
  target: AgentTarget,
  question: Question,
  lists: (keyof Report)[],
  timeoutMs: number,
): Promise<Report> {
  return readReport(target, await askForAnswer(target, question, timeoutMs), lists);
}

async function askForAnswer(target: AgentTarget, question: Question, timeoutMs: number): Promise<Answer> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const outcome = await exchangeWith(target, question, Math.max(1, deadline - performance.now()));
    switch (outcome.kind) {
      case 'answer':
        return outcome.answer;
      case 'timeout':
        throw timedOut(target, timeoutMs);
      case 'bad':
        throw outcome.error;
      case 'ended':
        throw (await vanishes(target)) ? gone(target) : badAnswer('the connection ended before it was complete');
      case 'refused':
        if (outcome.code === 'EAGAIN' && performance.now() < deadline) {
          await sleep(BACKLOG_RETRY_MS);
          continue;
        }
        if (outcome.code === 'EAGAIN') throw timedOut(target, timeoutMs);
        throw (await vanishes(target)) ? gone(target) : agentEnded(target, outcome.code);
    }
  }
}

type Outcome =
  | { kind: 'answer'; answer: Answer }
  | { kind: 'bad'; error: unknown }
  | { kind: 'ended' }
  | { kind: 'refused'; code: string }
  | { kind: 'timeout' };

/** @throws MemtoolError `MEMTOOL_SOCKET_DIRECTORY` when what is in the place of its socket cannot be trusted */
function exchangeWith(target: AgentTarget, question: Question, timeoutMs: number): Promise<Outcome> {
  if (!target.place) return exchange(target.path, question, timeoutMs);
  const socket = pinSocket(target, target.place);
  if (!socket) return Promise.resolve({ kind: 'refused', code: 'ENOENT' });
  try {
    // The connection is made before this returns.
    return exchange(socket.path, question, timeoutMs);
  } finally {
    socket.close();
  }
}

function exchange(path: string, question: Question, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const reader = new AnswerReader();
    let connected = false;
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    // Of the whole exchange: an agent that sends a byte now and then must not hold us up for ever.
    const timer = setTimeout(() => finish({ kind: 'timeout' }), timeoutMs);
    const read = (next: () => Answer | undefined, otherwise?: Outcome): void => {
      try {
        const answer = next();
        if (answer) finish({ kind: 'answer', answer });
        else if (otherwise) finish(otherwise);
      } catch (error) {
        finish({ kind: 'bad', error });
      }
    };
    socket.once('connect', () => {
      connected = true;
      socket.write(requestText(question));
    });
    socket.on('data', (chunk: Buffer) => read(() => reader.push(chunk)));
    socket.once('end', () => read(() => reader.end(), { kind: 'ended' }));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(connected ? { kind: 'ended' } : { kind: 'refused', code: error.code ?? 'unknown' }),
    );
  });
}

function requestText({ method, path, body = '' }: Question): string {
  const bodyHeader =
    method === 'POST' ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` : '';
  return `${method} ${path} HTTP/1.0\r\nHost: memtool\r\n${bodyHeader}\r\n${body}`;
}

function readReport<Report extends Identified>(
  target: AgentTarget,
  { status, body }: Answer,
  lists: (keyof Report)[],
): Report {
  const value = parse(body);
  if (status >= 400) throw agentError(status, isRecord(value) ? value['error'] : undefined);
  if (value === undefined) throw badAnswer('it is not JSON');
  if (!isReport<Report>(value, lists)) throw badAnswer('it is not the report that was asked for');
  const { pid, place: { pidInside } = { pidInside: pid } } = target;
  if (value.pid !== pidInside) throw badAnswer(`it is about process ${value.pid}, and ${pidInside} was asked`);
  return pidInside === pid ? value : { ...value, pid, pidInside };
}

/** @returns `undefined` when it is not JSON, which itself has no such value. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** What is drawn and counted must be there; a field more or less is for `schemaVersion` to tell. */
function isReport<Report extends Identified>(value: unknown, lists: (keyof Report)[]): value is Report {
  return (
    isRecord(value) && typeof value['pid'] === 'number' && lists.every((name) => Array.isArray(value[String(name)]))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What an agent says that it could not do. */
export function readAgentError({ status, body }: Answer): MemtoolError {
  const value = parse(body);
  return agentError(status, isRecord(value) ? value['error'] : undefined);
}

function agentError(status: number, error: unknown): MemtoolError {
  if (!isRecord(error) || !isErrorCode(error['code']) || typeof error['message'] !== 'string') {
    return badAnswer(`it has the status ${status} and no reason`);
  }
  return new MemtoolError(error['code'], error['message'], {
    hint: typeof error['hint'] === 'string' ? error['hint'] : undefined,
  });
}

/** An agent of another version may have codes of its own. */
function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && code.startsWith('MEMTOOL_');
}

function label({ pid, name }: AgentTarget): string {
  return name === '' ? `Process ${pid}` : `Process ${pid} (${name})`;
}

export function gone(target: AgentTarget): MemtoolError {
  return new MemtoolError('MEMTOOL_TARGET_GONE', `${label(target)} ended before it had answered.`, {
    hint: 'Run `memtool ps` to see what is running now.',
  });
}

export function timedOut(target: AgentTarget, timeoutMs: number): MemtoolError {
  return new MemtoolError('MEMTOOL_TIMEOUT', `${label(target)} did not answer within ${timeoutMs / 1000} s.`, {
    hint: 'The machine may be overloaded or the process stopped (state T in `ps`): look with `memtool ps`, or wait longer with --timeout 30.',
  });
}

export function agentEnded(target: AgentTarget, code: string): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_AGENT_FAILED',
    `${label(target)} runs, but its agent does not listen any more (${code}).`,
    {
      hint: `Start a new one in it: \`memtool attach ${target.pid}\`.`,
    },
  );
}
