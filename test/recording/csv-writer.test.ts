import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freshPath, linesOf, openRecording } from './recordings.ts';

const CSV = { format: 'csv' } as const;

test('a row of names, then one a sample with its time, name and pid; what is not known is empty', async () => {
  const path = freshPath('run.csv');
  const { recording } = await openRecording(path, CSV);
  recording.sample(['t', 'rss', 'pss'], [0, 5, null]);
  recording.event({ event: 'gone', t: 1 });
  recording.event({ event: 'restart', t: 2, pid: 99 });
  recording.sample(['t', 'rss', 'pss'], [61_000, 6, 4]);
  expect(readFileSync(path, 'utf8')).toBe(
    'time,name,pid,t,rss,pss\n' +
      '2026-01-31T12:00:00.000Z,orders-api,4242,0,5,\n' +
      '2026-01-31T12:01:01.000Z,orders-api,99,61000,6,4\n',
  );
});

test('every row has as many fields as there are names, also when columns come later', async () => {
  const path = freshPath('run.csv');
  const { recording } = await openRecording(path, CSV);
  recording.sample(['t', 'rss'], [0, 5]);
  recording.sample(['t', 'rss', 'pool:a/b.used', 'pool:a/c.used'], [1000, 5, 1, 2]);
  expect(linesOf(path)).toEqual([
    'time,name,pid,t,rss,pool:a/b.used,pool:a/c.used',
    '2026-01-31T12:00:00.000Z,orders-api,4242,0,5,,',
    '2026-01-31T12:00:01.000Z,orders-api,4242,1000,5,1,2',
  ]);
});

test('wherever a kill has cut it off it goes on, under the same name only', async () => {
  const name = 'orders, "main"';
  const original = freshPath('run.csv');
  const first = await openRecording(original, { ...CSV, name });
  first.recording.sample(['t', 'pool:x,y/z.used'], [0, 5]);
  first.recording.sample(['t', 'pool:x,y/z.used'], [1000, 6]);
  first.close();
  const whole = readFileSync(original, 'utf8');
  for (let length = 0; length <= whole.length; length += 1) {
    const path = freshPath('run.csv');
    const kept = whole.slice(0, length);
    writeFileSync(path, kept);
    // A name that is not cut off to the point is somebody's own beginning of a file.
    if (length > 0 && length < 'time,name,pid,'.length) {
      await expect(openRecording(path, { ...CSV, name })).rejects.toMatchObject({ code: 'MEMTOOL_FILE_EXISTS' });
      continue;
    }
    const again = await openRecording(path, { ...CSV, name });
    again.recording.sample(again.resumed?.columns ?? ['t', 'pool:x,y/z.used'], [9000, 7]);
    again.close();
    const lines = linesOf(path);
    expect(lines[0]).toBe('time,name,pid,t,"pool:x,y/z.used"');
    expect(lines.at(-1)).toBe('2026-01-31T12:00:09.000Z,"orders, ""main""",4242,9000,7');
    expect(new Set(lines.slice(1).map((line) => line.split(',').length))).toEqual(new Set([6]));
  }
  await expect(openRecording(original, CSV)).rejects.toMatchObject({ code: 'MEMTOOL_FILE_EXISTS' });
});

test('what was not recorded by us is refused and left as it was', async () => {
  const path = freshPath('run.csv');
  writeFileSync(path, 'time,rss\n1,2\n');
  await expect(openRecording(path, CSV)).rejects.toMatchObject({ code: 'MEMTOOL_FILE_EXISTS' });
  expect(readFileSync(path, 'utf8')).toBe('time,rss\n1,2\n');
});

test('a file never exceeds its bound', async () => {
  const path = freshPath('run.csv');
  const { recording } = await openRecording(path, { ...CSV, bytesMax: 16_000 });
  for (let index = 0; index < 3000; index += 1) {
    recording.sample(['t', 'rss'], [index * 1000, 5]);
    expect(recording.bytes).toBeLessThanOrEqual(16_000);
  }
  expect(recording.thinnings).toBeGreaterThan(1);
  expect(linesOf(path)[0]).toBe('time,name,pid,t,rss');
  expect(linesOf(path).at(-1)).toContain(',2999000,5');
});
