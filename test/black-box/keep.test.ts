import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { BOX_KEPT_DAYS, BOXES_KEPT_MAX, listBoxes, pruneBoxes } from '../../src/black-box/keep.ts';
import { blackBoxName, processStartTime } from '../../src/protocol.ts';
import { freshPath } from './sample-box.ts';

const NOW_MS = Date.UTC(2026, 0, 9);
const DAY_MS = 86_400_000;

/** Of a process that is gone: no process is older than the system. */
function leave(directory: string, pid: number, ageMs: number, startTime = '1'): string {
  const path = join(directory, blackBoxName(pid, startTime));
  writeFileSync(path, '');
  utimesSync(path, (NOW_MS - ageMs) / 1000, (NOW_MS - ageMs) / 1000);
  return path;
}

function freshDirectory(): string {
  return dirname(freshPath());
}

test('only the newest are kept, however many there are', () => {
  const directory = freshDirectory();
  const paths = Array.from({ length: BOXES_KEPT_MAX + 8 }, (_, index) =>
    leave(directory, 100 + index, 20_000 + index * 1000),
  );
  pruneBoxes(directory, NOW_MS);
  expect(listBoxes(directory).map(({ path }) => path)).toEqual(paths.slice(0, BOXES_KEPT_MAX));
});

test('none is kept for longer than a week', () => {
  const directory = freshDirectory();
  const young = leave(directory, 100, BOX_KEPT_DAYS * DAY_MS - 1000);
  leave(directory, 101, BOX_KEPT_DAYS * DAY_MS + 1000);
  pruneBoxes(directory, NOW_MS);
  expect(listBoxes(directory).map(({ path }) => path)).toEqual([young]);
});

test('that of a process that lives, or that writes somewhere else, is never removed', () => {
  const directory = freshDirectory();
  const living = leave(directory, process.pid, 30 * DAY_MS, processStartTime('self'));
  const elsewhere = leave(directory, 99_999, 1000);
  for (let index = 0; index < BOXES_KEPT_MAX; index += 1) leave(directory, 100 + index, 20_000);
  pruneBoxes(directory, NOW_MS);
  expect([living, elsewhere].every((path) => existsSync(path))).toBe(true);
  expect(readdirSync(directory)).toHaveLength(BOXES_KEPT_MAX + 2);
});

test('what is no black box is left alone', () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, '12-34.sock'), '');
  writeFileSync(join(directory, 'notes.last'), '');
  mkdirSync(join(directory, '12-34.last'));
  utimesSync(join(directory, '12-34.last'), 0, 0);
  pruneBoxes(directory, NOW_MS);
  expect(readdirSync(directory)).toHaveLength(3);
});

test('a directory that is not there has none', () => {
  expect(listBoxes(join(freshDirectory(), 'missing'))).toEqual([]);
});
