import { canGiveBack } from '../../render/top/dialogs.ts';
import { openedProcess, selectedProcess, shownProcesses } from '../../render/top/order.ts';
import { TOP_SORTS, TOP_TABS, type TopProcess, type TopState, type TopTab } from '../../report/top.ts';
import { EXIT_INTERRUPTED, EXIT_NOTHING } from '../context.ts';
import { EMPTY_HISTORY, withLook } from './history.ts';
import { withNotice } from './state.ts';

/** A key as `node:readline` reads it. */
export interface Key {
  /** What it would type, if that is one character. */
  text: string;
  name: string;
  ctrl: boolean;
  shift: boolean;
}

/** What a key asks for beyond a change of what is shown. */
export type Effect =
  | { kind: 'quit'; code: number }
  | { kind: 'suspend' }
  | { kind: 'redraw' }
  /** Looks again at once. */
  | { kind: 'look' }
  | { kind: 'foresee'; key: string }
  | { kind: 'clean'; key: string }
  | { kind: 'leaks'; key: string; ageSeconds: number; withHeap: boolean };

export interface Pressed {
  state: TopState;
  effect?: Effect;
}

const INTERVALS_SECONDS = [0.5, 1, 2, 5, 10, 30, 60];
const AGES_SECONDS = [300, 60, 10];
const PAGE_LINES = 10;
const FILTER_LENGTH_MAX = 60;

/** What a key does depends on what is on the screen. */
export function press(before: TopState, key: Key, nowMs: number): Pressed {
  const state = { ...before, nowMs };
  if (key.ctrl && key.name === 'c') return { state, effect: { kind: 'quit', code: EXIT_INTERRUPTED } };
  if (key.ctrl && key.name === 'z') return { state, effect: { kind: 'suspend' } };
  if (key.ctrl && key.name === 'l') return { state, effect: { kind: 'redraw' } };
  if (key.ctrl) return { state };
  if (state.isHelp) return key.text === 'q' ? quit(state) : { state: { ...state, isHelp: false, scroll: 0 } };
  if (state.isFiltering) return inFilter(state, key);
  if (state.cleanup !== null) return inCleanup(state, key);
  return state.opened === null ? inOverview(state, key) : inProcess(state, key);
}

function quit(state: TopState): Pressed {
  return { state, effect: { kind: 'quit', code: EXIT_NOTHING } };
}

/** Keys that mean the same in the overview and in a process. */
function common(state: TopState, { text }: Key): Pressed {
  switch (text) {
    case 'q':
      return quit(state);
    case '?':
      return { state: { ...state, isHelp: true, scroll: 0 } };
    case ' ':
      return pause(state);
    case '+':
    case '=':
      return interval(state, 1);
    case '-':
      return interval(state, -1);
    case 'c':
      return foresee(state);
    case 'l':
      return openTab(state, 'leaks');
    case 'p':
      return openTab(state, 'pools');
    default:
      return { state };
  }
}

function inOverview(state: TopState, key: Key): Pressed {
  switch (key.name) {
    case 'up':
    case 'k':
      return { state: moved(state, -1) };
    case 'down':
    case 'j':
      return { state: moved(state, 1) };
    case 'pageup':
      return { state: moved(state, -PAGE_LINES) };
    case 'pagedown':
      return { state: moved(state, PAGE_LINES) };
    case 'home':
      return { state: moved(state, -Infinity) };
    case 'end':
      return { state: moved(state, Infinity) };
    case 'return':
    case 'right':
      return openTab(state, state.tab);
    case 'escape':
      return { state: { ...state, filter: '' }, effect: { kind: 'look' } };
    case 's':
      return { state: { ...state, sort: nextSort(state, key.shift ? -1 : 1), isReversed: false } };
    case 'r':
      return { state: { ...state, isReversed: !state.isReversed } };
    default:
      return key.text === '/' ? { state: { ...state, isFiltering: true } } : common(state, key);
  }
}

function inProcess(state: TopState, key: Key): Pressed {
  switch (key.name) {
    case 'escape':
    case 'backspace':
      return { state: closed(state), effect: { kind: 'look' } };
    case 'up':
    case 'k':
      return { state: scrolled(state, -1) };
    case 'down':
    case 'j':
      return { state: scrolled(state, 1) };
    case 'pageup':
      return { state: scrolled(state, -PAGE_LINES) };
    case 'pagedown':
      return { state: scrolled(state, PAGE_LINES) };
    case 'home':
      return { state: scrolled(state, -Infinity) };
    case 'end':
      return { state: scrolled(state, Infinity) };
    case 'tab':
      return openTab(state, besides(state.tab, key.shift ? -1 : 1));
    case 'right':
      return openTab(state, besides(state.tab, 1));
    case 'left':
      return openTab(state, besides(state.tab, -1));
    default:
      return numbered(state, key) ?? inLeaks(state, key) ?? common(state, key);
  }
}

function numbered(state: TopState, { text }: Key): Pressed | undefined {
  const tab = /^[1-9]$/.test(text) ? TOP_TABS[Number(text) - 1] : undefined;
  return tab === undefined ? undefined : openTab(state, tab);
}

/** Reading the heap stops the process: it has a key of its own, and nothing else does it. */
function inLeaks(state: TopState, key: Key): Pressed | undefined {
  const { tab, leaks } = state;
  if (tab !== 'leaks' || leaks === null) return undefined;
  if (key.text === 'a') {
    const ageSeconds = AGES_SECONDS[(AGES_SECONDS.indexOf(leaks.ageSeconds) + 1) % AGES_SECONDS.length] ?? 0;
    return askLeaks(state, leaks.key, ageSeconds, false);
  }
  if (key.text === 'l') return askLeaks(state, leaks.key, leaks.ageSeconds, false);
  if (key.text === 'h') return askLeaks(state, leaks.key, leaks.ageSeconds, true);
  return undefined;
}

function inFilter(state: TopState, key: Key): Pressed {
  switch (key.name) {
    case 'return':
      return { state: { ...state, isFiltering: false } };
    case 'escape':
      return { state: { ...state, isFiltering: false, filter: '' }, effect: { kind: 'look' } };
    case 'up':
      return { state: moved(state, -1) };
    case 'down':
      return { state: moved(state, 1) };
    case 'backspace':
      return { state: { ...state, filter: withoutLast(state.filter) }, effect: { kind: 'look' } };
    default:
      return key.text === '' || state.filter.length >= FILTER_LENGTH_MAX
        ? { state }
        : { state: { ...state, filter: state.filter + key.text } };
  }
}

/** Only what the dry run has shown can be said yes to, and only with `y`. */
function inCleanup(state: TopState, key: Key): Pressed {
  const { cleanup } = state;
  if (cleanup === null) return { state };
  if (['up', 'k'].includes(key.name)) return { state: scrolled(state, -1) };
  if (['down', 'j'].includes(key.name)) return { state: scrolled(state, 1) };
  const leave: TopState = { ...state, cleanup: null, scroll: 0 };
  const isAsked = cleanup.report !== null && canGiveBack(cleanup.report);
  switch (cleanup.stage) {
    case 'foreseeing':
      return key.name === 'escape' || key.text === 'q' || key.text === 'n' ? { state: leave } : { state };
    case 'asking':
      if (isAsked && key.text === 'y') {
        return {
          state: { ...state, cleanup: { ...cleanup, stage: 'cleaning' } },
          effect: { kind: 'clean', key: cleanup.key },
        };
      }
      return { state: isAsked ? withNotice(leave, 'Nothing was given back.') : leave };
    case 'cleaning':
      // It cannot be called back; what it has done is to be seen.
      return { state };
    case 'done':
    case 'failed':
      return { state: leave, effect: { kind: 'look' } };
  }
}

function foresee(state: TopState): Pressed {
  const found = openedProcess(state) ?? selectedProcess(state);
  if (!found) return { state };
  if (found.status === 'ended') return { state: withNotice(state, `${label(found)} has ended.`) };
  return {
    state: { ...state, scroll: 0, cleanup: { key: found.key, stage: 'foreseeing', report: null, error: null } },
    effect: { kind: 'foresee', key: found.key },
  };
}

function openTab(state: TopState, tab: TopTab): Pressed {
  const found = openedProcess(state) ?? selectedProcess(state);
  if (!found) return { state };
  const opened: TopState = { ...state, opened: found.key, selected: found.key, tab, scroll: 0 };
  if (tab === 'leaks' && state.leaks?.key !== found.key) {
    return askLeaks({ ...opened, leaks: null }, found.key, AGES_SECONDS[0] ?? 0, false);
  }
  return state.opened === found.key ? { state: opened } : { state: opened, effect: { kind: 'look' } };
}

function askLeaks(state: TopState, key: string, ageSeconds: number, withHeap: boolean): Pressed {
  const { leaks } = state;
  if (leaks?.stage === 'reading' || leaks?.stage === 'asking') return { state };
  const stage = withHeap ? 'reading' : 'asking';
  const before = leaks?.key === key ? leaks : { key, report: null, answeredAtMs: null };
  return {
    state: { ...state, leaks: { ...before, stage, ageSeconds, error: null } },
    effect: { kind: 'leaks', key, ageSeconds, withHeap },
  };
}

function closed(state: TopState): TopState {
  return { ...state, opened: null, scroll: 0, tab: 'pools', leaks: null };
}

function pause(state: TopState): Pressed {
  if (state.pausedAtMs === null) return { state: { ...state, pausedAtMs: state.nowMs } };
  // What was not looked at meanwhile is a gap.
  const processes = state.processes.map((found): TopProcess =>
    found.history === EMPTY_HISTORY ? found : { ...found, history: withLook(found.history, state.nowMs, new Map()) },
  );
  return { state: { ...state, pausedAtMs: null, processes }, effect: { kind: 'look' } };
}

function interval(state: TopState, direction: 1 | -1): Pressed {
  const { intervalSeconds } = state;
  const next =
    direction > 0
      ? INTERVALS_SECONDS.find((seconds) => seconds > intervalSeconds)
      : INTERVALS_SECONDS.findLast((seconds) => seconds < intervalSeconds);
  return next === undefined ? { state } : { state: { ...state, intervalSeconds: next }, effect: { kind: 'look' } };
}

function moved(state: TopState, by: number): TopState {
  const shown = shownProcesses(state);
  const selected = selectedProcess(state);
  const at = shown.findIndex(({ key }) => key === selected?.key);
  const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
  return next ? { ...state, selected: next.key } : state;
}

function scrolled(state: TopState, by: number): TopState {
  return { ...state, scroll: Math.max(0, Math.min(state.scrollMax, state.scroll + by)) };
}

function nextSort({ sort }: TopState, by: number): TopState['sort'] {
  return TOP_SORTS[(TOP_SORTS.indexOf(sort) + by + TOP_SORTS.length) % TOP_SORTS.length] ?? 'pressure';
}

function besides(tab: TopTab, by: number): TopTab {
  return TOP_TABS[(TOP_TABS.indexOf(tab) + by + TOP_TABS.length) % TOP_TABS.length] ?? 'pools';
}

/** What is seen as one character may be several. */
function withoutLast(text: string): string {
  return text.slice(0, Array.from(new Intl.Segmenter().segment(text)).at(-1)?.index ?? 0);
}

function label({ name, pid }: TopProcess): string {
  return `${name} (${pid})`;
}
