import type { ProcessCleanup } from '../../report/cleanup.ts';
import type { ReportedError } from '../../report/document.ts';
import type { ProcessLeaks } from '../../report/leaks.ts';
import type { ProcessPressure } from '../../report/pressure.ts';
import type { ProcessStats } from '../../report/stats.ts';
import type { TopProcess, TopState } from '../../report/top.ts';
import { HEAP, resourceKey, RSS } from '../../render/top/series.ts';
import { EMPTY_HISTORY, withLook } from './history.ts';

/** More than anybody reads; the rest is counted. */
export const PROCESSES_MAX = 100;
/** So long what has ended is still shown. */
export const ENDED_SHOWN_MS = 10_000;
export const NOTICE_SHOWN_MS = 6000;

export interface Listed {
  key: string;
  pid: number;
  name: string;
}

/** What happens beside keys. */
export type TopEvent =
  | { kind: 'tick' }
  /** `startable`: a process that could be attached to, for when there is nothing else to show. */
  | { kind: 'listed'; found: readonly Listed[]; startable: { pid: number; name: string } | null }
  | { kind: 'not-listed'; error: ReportedError }
  | { kind: 'answered'; key: string; stats: ProcessStats; pressure: ProcessPressure }
  | { kind: 'silent'; key: string; error: ReportedError }
  | { kind: 'ended'; key: string }
  | { kind: 'foreseen'; key: string; report: ProcessCleanup }
  | { kind: 'cleaned'; key: string; report: ProcessCleanup }
  | { kind: 'cleanup-failed'; key: string; error: ReportedError }
  | { kind: 'leaks'; key: string; report: ProcessLeaks }
  | { kind: 'leaks-failed'; key: string; error: ReportedError }
  /** How far the page that was drawn last can be scrolled. */
  | { kind: 'drawn'; scrollMax: number };

export function initialState(target: string | undefined, intervalSeconds: number, nowMs: number): TopState {
  return {
    nowMs,
    intervalSeconds,
    pausedAtMs: null,
    target: target ?? null,
    processes: [],
    isListed: false,
    more: 0,
    startable: null,
    sort: 'pressure',
    isReversed: false,
    filter: '',
    isFiltering: false,
    selected: null,
    opened: null,
    tab: 'pools',
    scroll: 0,
    scrollMax: 0,
    isHelp: false,
    cleanup: null,
    leaks: null,
    notice: null,
  };
}

export function update(before: TopState, event: TopEvent, nowMs: number): TopState {
  const state = forgetting({ ...before, nowMs });
  switch (event.kind) {
    case 'tick':
      return state;
    case 'drawn':
      return { ...state, scrollMax: event.scrollMax, scroll: Math.min(state.scroll, event.scrollMax) };
    case 'listed':
      return listed(state, event.found, event.startable);
    case 'not-listed':
      return withNotice(state, event.error.message);
    case 'answered':
      return changed(state, event.key, (found) => answered(found, event.stats, event.pressure, nowMs));
    case 'silent':
      return changed(state, event.key, (found) =>
        found.status === 'ended'
          ? found
          : { ...found, status: 'silent', error: event.error, history: withLook(found.history, nowMs, new Map()) },
      );
    case 'ended':
      return changed(state, event.key, (found) => ended(found, nowMs));
    case 'foreseen':
    case 'cleaned':
    case 'cleanup-failed':
      return withCleanup(state, event);
    case 'leaks':
    case 'leaks-failed':
      return withLeaks(state, event);
  }
}

export function withNotice(state: TopState, text: string): TopState {
  return { ...state, notice: { text, atMs: state.nowMs } };
}

/** What is over is not shown for ever, but what somebody has opened stays. */
function forgetting(state: TopState): TopState {
  const isOver = ({ key, endedAtMs }: TopProcess): boolean =>
    endedAtMs !== null && key !== state.opened && state.nowMs - endedAtMs >= ENDED_SHOWN_MS;
  const isSaid = state.notice !== null && state.nowMs - state.notice.atMs >= NOTICE_SHOWN_MS;
  // While it is paused nothing changes.
  const processes =
    state.pausedAtMs === null && state.processes.some(isOver)
      ? state.processes.filter((found) => !isOver(found))
      : state.processes;
  return { ...state, processes, notice: isSaid ? null : state.notice };
}

function listed(state: TopState, found: readonly Listed[], startable: TopState['startable']): TopState {
  const known = new Map(state.processes.map((one) => [one.key, one]));
  const keys = new Set(found.map(({ key }) => key));
  // Those that are known go first: what is watched must not drop out for what has come since.
  const living = [...found.filter(({ key }) => known.has(key)), ...found.filter(({ key }) => !known.has(key))];
  const followed = living.slice(0, PROCESSES_MAX);
  const left = state.processes.filter(({ key }) => !keys.has(key)).map((one) => ended(one, state.nowMs));
  return {
    ...state,
    isListed: true,
    startable,
    more: living.length - followed.length,
    processes: [...followed.map((one) => known.get(one.key) ?? waiting(one)), ...left.slice(-PROCESSES_MAX)],
  };
}

function waiting({ key, pid, name }: Listed): TopProcess {
  return {
    key,
    pid,
    name,
    status: 'waiting',
    stats: null,
    pressure: null,
    answeredAtMs: null,
    endedAtMs: null,
    error: null,
    history: EMPTY_HISTORY,
  };
}

function changed(state: TopState, key: string, change: (found: TopProcess) => TopProcess): TopState {
  return { ...state, processes: state.processes.map((found) => (found.key === key ? change(found) : found)) };
}

function answered(found: TopProcess, stats: ProcessStats, pressure: ProcessPressure, nowMs: number): TopProcess {
  const figures = new Map<string, number | null>([
    [RSS, stats.rssBytes],
    [HEAP, stats.heapUsedBytes],
    ...pressure.resources
      .filter(({ kind }) => kind !== 'scope')
      .map((resource): [string, number] => [resourceKey(resource), resource.usedBytes]),
  ]);
  return {
    ...found,
    name: stats.name,
    status: found.status === 'ended' ? 'ended' : 'answering',
    stats,
    pressure,
    answeredAtMs: nowMs,
    error: null,
    history: withLook(found.history, nowMs, figures),
  };
}

function ended(found: TopProcess, nowMs: number): TopProcess {
  return found.status === 'ended' ? found : { ...found, status: 'ended', endedAtMs: nowMs, error: null };
}

/** Only the answer that is waited for counts: who has gone back in the meantime is shown nothing. */
function withCleanup(
  state: TopState,
  event: Extract<TopEvent, { kind: 'foreseen' | 'cleaned' | 'cleanup-failed' }>,
): TopState {
  const { cleanup } = state;
  if (cleanup?.key !== event.key) return state;
  const isExpected =
    cleanup.stage === 'cleaning'
      ? event.kind !== 'foreseen'
      : cleanup.stage === 'foreseeing' && event.kind !== 'cleaned';
  if (!isExpected) return state;
  if (event.kind === 'cleanup-failed')
    return { ...state, cleanup: { ...cleanup, stage: 'failed', error: event.error } };
  const stage = event.kind === 'foreseen' ? 'asking' : 'done';
  return { ...state, scroll: 0, cleanup: { ...cleanup, stage, report: event.report } };
}

function withLeaks(state: TopState, event: Extract<TopEvent, { kind: 'leaks' | 'leaks-failed' }>): TopState {
  const { leaks } = state;
  if (leaks?.key !== event.key) return state;
  if (event.kind === 'leaks-failed') return { ...state, leaks: { ...leaks, stage: 'failed', error: event.error } };
  return {
    ...state,
    leaks: { ...leaks, stage: 'answered', report: event.report, answeredAtMs: state.nowMs, error: null },
  };
}
