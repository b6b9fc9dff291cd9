import { describe, expect, test } from 'vitest';
import { press, type Effect, type Key } from '../../../src/commands/top/keys.ts';
import { update } from '../../../src/commands/top/state.ts';
import { selectedProcess, shownProcesses } from '../../../src/render/top/order.ts';
import type { TopState } from '../../../src/report/top.ts';
import { CLEANUP } from '../../render/sample.ts';
import { afterLooks, BILLING, keyOf, ORDERS, SEARCH, START_MS } from '../../render/top/sample.ts';

const NOW_MS = START_MS + 60_000;
const NAMED = ['up', 'down', 'left', 'right', 'return', 'escape', 'tab', 'backspace', 'home', 'end'];

function key(name: string): Key {
  if (name.startsWith('C-')) return { text: '', name: name.slice(2), ctrl: true, shift: false };
  return { text: NAMED.includes(name) ? '' : name, name, ctrl: false, shift: false };
}

function after(state: TopState, ...names: string[]): { state: TopState; effects: Effect[] } {
  const effects: Effect[] = [];
  let now = state;
  for (const name of names) {
    const pressed = press(now, key(name), NOW_MS);
    now = pressed.state;
    if (pressed.effect) effects.push(pressed.effect);
  }
  return { state: now, effects };
}

const THREE = afterLooks([ORDERS, BILLING, SEARCH], 10);

test('what is selected stays selected when the order changes, and moving stops at the ends', () => {
  const { state } = after(THREE, 'down', 'down', 'down', 'up');
  expect(selectedProcess(state)?.name).toBe('billing');
  const sorted = after(state, 's', 's', 's', 's', 's').state;
  expect(sorted.sort).toBe('name');
  expect(shownProcesses(sorted).map(({ name }) => name)).toEqual(
    ['検索-サービス🔎', 'billing', 'orders-api'].toSorted((a, b) => a.localeCompare(b)),
  );
  expect(selectedProcess(sorted)?.name).toBe('billing');
});

test.each([
  ['pressure', ['orders-api', 'billing', '検索-サービス🔎']],
  ['rss', ['検索-サービス🔎', 'orders-api', 'billing']],
  ['cpu', ['orders-api', 'billing', '検索-サービス🔎']],
] as const)('sorted by %s', (sort, names) => {
  expect(shownProcesses({ ...THREE, sort }).map(({ name }) => name)).toEqual(names);
  expect(shownProcesses({ ...THREE, sort, isReversed: true })[0]?.name).not.toBe(names[0]);
});

test('a filter is live, by name or pid, and takes the keys; what it hides is not selected', () => {
  const { state, effects } = after(THREE, '/', 'q', 'backspace', '4', '3');
  expect(effects.filter(({ kind }) => kind === 'quit')).toEqual([]);
  expect(shownProcesses(state).map(({ name }) => name)).toEqual(['billing']);
  expect(selectedProcess(state)?.name).toBe('billing');
  const kept = after(state, 'return').state;
  expect(kept).toMatchObject({ isFiltering: false, filter: '43' });
  expect(after(kept, 'escape').state.filter).toBe('');
});

test.each([
  ['q', 0],
  ['C-c', 130],
])('%s quits with %d, wherever one is', (name, code) => {
  for (const there of [
    THREE,
    after(THREE, 'return').state,
    after(THREE, '?').state,
    after(THREE, 'return', 'l').state,
  ]) {
    expect(after(there, name).effects).toEqual([{ kind: 'quit', code }]);
  }
});

test('Ctrl-C quits out of the filter and out of a cleanup, too', () => {
  expect(after(THREE, '/', 'C-c').effects).toEqual([{ kind: 'quit', code: 130 }]);
  expect(after(THREE, 'c', 'C-c').effects.at(-1)).toEqual({ kind: 'quit', code: 130 });
});

describe('cleanup', () => {
  const [report] = CLEANUP.processes;
  if (!report || 'error' in report) throw new Error('the sample has no report');
  const foreseen = (state: TopState): TopState =>
    update(state, { kind: 'foreseen', key: keyOf(ORDERS), report }, NOW_MS);
  const ORDERS_KEY = keyOf(ORDERS);

  test('is done only by a y to what has been shown', () => {
    const hasty = after(THREE, 'c', 'y', 'return', 'y');
    expect(hasty.effects).toEqual([{ kind: 'foresee', key: ORDERS_KEY }]);
    expect(after(foreseen(hasty.state), 'y').effects).toEqual([{ kind: 'clean', key: ORDERS_KEY }]);
  });

  test.each(['n', 'escape', 'return', 'q', 'c'])('%s is a no', (name) => {
    const { state, effects } = after(foreseen(after(THREE, 'c').state), name);
    expect(effects).toEqual([]);
    expect(state.cleanup).toBeNull();
    expect(state.notice?.text).toBe('Nothing was given back.');
  });

  test('a second y does it once', () => {
    expect(after(foreseen(after(THREE, 'c').state), 'y', 'y').effects).toHaveLength(1);
  });

  test('what was asked for and left is not shown when it comes', () => {
    expect(foreseen(after(THREE, 'c', 'escape').state).cleanup).toBeNull();
  });

  test('nothing to give back: no y does anything', () => {
    const nothing = { ...report, reclaimed: [], left: [], totals: { count: 0, bytes: 0 } };
    const asked = update(after(THREE, 'c').state, { kind: 'foreseen', key: ORDERS_KEY, report: nothing }, NOW_MS);
    expect(after(asked, 'y').effects).toEqual([]);
  });

  test('of what has ended is refused', () => {
    const over = update(after(THREE, 'home').state, { kind: 'ended', key: ORDERS_KEY }, NOW_MS);
    const { state, effects } = after({ ...over, selected: ORDERS_KEY }, 'c');
    expect(effects).toEqual([]);
    expect(state.notice?.text).toBe('orders-api (4242) has ended.');
  });
});

function read({ effects }: { effects: Effect[] }): Effect[] {
  return effects.filter((effect) => effect.kind === 'leaks' && effect.withHeap);
}

test('the heap is read for h on the page of leaks, and for nothing else', () => {
  expect(read(after(THREE, 'h', 'return', 'h', '4', 'l', 'a', 'tab', 'l', 'left', '4'))).toEqual([]);
  const { state } = after(THREE, 'return', 'l');
  // One question at a time.
  expect(read(after(state, 'h'))).toEqual([]);
  const answered: TopState = { ...state, leaks: state.leaks && { ...state.leaks, stage: 'answered' } };
  expect(read(after(answered, 'h', 'h'))).toHaveLength(1);
});

test('while it is paused the figures stay; going on looks at once, and what was missed is a gap', () => {
  const { state } = after(THREE, ' ');
  expect(state.pausedAtMs).toBe(NOW_MS);
  const on = after(state, ' ');
  expect(on.effects).toEqual([{ kind: 'look' }]);
  expect(on.state.processes[0]?.history.series.get('rss')?.at(-1)).toBeNull();
});

test('the interval goes up and down in steps, from any one, and has ends', () => {
  expect(after(THREE, '+').state.intervalSeconds).toBe(5);
  expect(after({ ...THREE, intervalSeconds: 3 }, '-').state.intervalSeconds).toBe(2);
  expect(after(THREE, ...'---------'.split('')).state.intervalSeconds).toBe(0.5);
  expect(after(THREE, ...'+++++++++'.split('')).state.intervalSeconds).toBe(60);
});
