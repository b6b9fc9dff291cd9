import { expect, test } from 'vitest';
import { LOOKS_MAX, SERIES_MAX, withLook, EMPTY_HISTORY } from '../../../src/commands/top/history.ts';
import { ENDED_SHOWN_MS, initialState, PROCESSES_MAX, update } from '../../../src/commands/top/state.ts';
import { growthOf, trend } from '../../../src/render/top/series.ts';
import type { TopHistory } from '../../../src/report/top.ts';
import { afterLooks, BILLING, keyOf, ORDERS, screen, SEARCH, START_MS } from '../../render/top/sample.ts';

const MIB = 1024 * 1024;

function historyOf(values: (number | null)[], everyMs: number = 2000): TopHistory {
  return values.reduce<TopHistory>(
    (history, value, index) => withLook(history, index * everyMs, new Map(value === null ? [] : [['rss', value]])),
    EMPTY_HISTORY,
  );
}

test('histories are bounded in length and in number, and a series that ends goes when nothing of it is left', () => {
  let history = withLook(EMPTY_HISTORY, 0, new Map([['gone', 1]]));
  const many = new Map(
    Array.from({ length: SERIES_MAX + 20 }, (_, index): [string, number] => [`pool-${index}`, index]),
  );
  for (let look = 1; look <= LOOKS_MAX + 5; look += 1) history = withLook(history, look * 2000, many);
  expect(history.atMs).toHaveLength(LOOKS_MAX);
  expect(history.series.size).toBe(SERIES_MAX);
  expect([...history.series.values()].every(({ length }) => length === LOOKS_MAX)).toBe(true);
  expect(history.series.has('gone')).toBe(false);
});

test('growth needs ten seconds, and is of the last minute', () => {
  expect(growthOf(historyOf([1, 2, 3]), 'rss')).toBeNull();
  const flatThenRising = [
    ...Array.from({ length: 60 }, () => 5 * MIB),
    ...Array.from({ length: 31 }, (_, at) => (5 + at) * MIB),
  ];
  expect(growthOf(historyOf(flatThenRising), 'rss')).toBeCloseTo(30 * MIB, -3);
});

test('a trend: gaps stay gaps, noise is flat, marks do not move when one more look comes', () => {
  expect(trend(historyOf([1, null, 8]), 'rss', 5, 1)).toBe('  ▁ █');
  expect(trend(historyOf([1000, 1001, 1000]), 'rss', 3, 1)).toBe('▁▁▁');
  const values = Array.from({ length: 41 }, (_, at) => at * at);
  // Only the mark that is being filled may change.
  const before = trend(historyOf(values.slice(0, 38)), 'rss', 20, 2).trimStart();
  const later = trend(historyOf([...values.slice(0, 38), 0]), 'rss', 20, 2).trimStart();
  expect(later.slice(0, before.length)).toBe(before);
});

test('of more processes than are followed it says how many, and keeps those that are known', () => {
  const known = afterLooks([BILLING], 1);
  const others = Array.from({ length: PROCESSES_MAX + 11 }, (_, index) => ({
    key: `${index}-1`,
    pid: index,
    name: 'x',
  }));
  const found = [...others, { key: keyOf(BILLING), pid: BILLING.pid, name: 'billing' }];
  const state = update(known, { kind: 'listed', found, startable: null }, START_MS);
  expect(state.processes).toHaveLength(PROCESSES_MAX);
  expect(state.more).toBe(12);
  expect(state.processes.some(({ name }) => name === 'billing')).toBe(true);
  expect(screen(state, 80, 24)).toContain('and 12 more');
});

test('what has ended is shown for a while; what is opened, for as long as it is', () => {
  const over = update(
    afterLooks([ORDERS, BILLING], 2),
    { kind: 'listed', found: [], startable: null },
    START_MS + 5000,
  );
  expect(over.processes.map(({ status }) => status)).toEqual(['ended', 'ended']);
  const later = START_MS + 5000 + ENDED_SHOWN_MS;
  expect(update(over, { kind: 'tick' }, later - 1).processes).toHaveLength(2);
  const opened = { ...over, opened: keyOf(ORDERS) };
  expect(update(opened, { kind: 'tick' }, later).processes.map(({ name }) => name)).toEqual(['orders-api']);
  expect(update({ ...over, pausedAtMs: later - 1 }, { kind: 'tick' }, later).processes).toHaveLength(2);
});

test('a pid that was given out again is another process', () => {
  const before = afterLooks([SEARCH], 2);
  const found = [{ key: `${SEARCH.pid}-2`, pid: SEARCH.pid, name: 'other.js' }];
  const { processes } = update(before, { kind: 'listed', found, startable: null }, START_MS + 5000);
  expect(processes.map(({ name, status }) => [name, status])).toEqual([
    ['other.js', 'waiting'],
    ['検索-サービス🔎', 'ended'],
  ]);
});

test('an answer that comes after the end does not bring it back', () => {
  const state = update(afterLooks([ORDERS], 2), { kind: 'ended', key: keyOf(ORDERS) }, START_MS + 5000);
  const error = { code: 'MEMTOOL_TIMEOUT', message: 'late', hint: null };
  expect(update(state, { kind: 'silent', key: keyOf(ORDERS), error }, START_MS + 6000).processes[0]?.status).toBe(
    'ended',
  );
});

test('a notice goes away by itself', () => {
  const state = update(
    initialState(undefined, 2, START_MS),
    { kind: 'not-listed', error: { code: 'X', message: 'no', hint: null } },
    START_MS,
  );
  expect(state.notice?.text).toBe('no');
  expect(update(state, { kind: 'tick' }, START_MS + 10_000).notice).toBeNull();
});
