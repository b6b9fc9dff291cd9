import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { parseRecordingLine, recordingLine } from '../../src/recording/format.ts';
import { HEADER } from './header.ts';
import { freshPath, linesOf, openRecording } from './recordings.ts';

const COLUMNS = ['t', 'rss'];

function code(name: string): unknown {
  return expect.objectContaining({ code: name });
}

test('header, columns once, samples, events, and columns again when there are more', async () => {
  const path = freshPath();
  const { recording, resumed } = await openRecording(path);
  expect(resumed).toBeUndefined();
  recording.sample(COLUMNS, [0, 5]);
  recording.sample(COLUMNS, [1000, null]);
  recording.event({ event: 'gone', t: 1500 });
  recording.sample([...COLUMNS, 'fds'], [2000, 5, 20]);
  expect(linesOf(path).slice(1)).toEqual([
    '{"columns":["t","rss"]}',
    '[0,5]',
    '[1000,null]',
    '{"event":"gone","t":1500}',
    '{"columns":["t","rss","fds"]}',
    '[2000,5,20]',
  ]);
  expect(statSync(path).size).toBe(recording.bytes);
});

test('wherever a kill has cut the file off, what was whole stays, and the recording goes on', async () => {
  const original = freshPath();
  const { recording, close } = await openRecording(original);
  recording.sample(COLUMNS, [0, 5]);
  recording.event({ event: 'restart', t: 500, pid: 77 });
  recording.sample(COLUMNS, [1000, 6]);
  close();
  const whole = readFileSync(original, 'utf8');
  for (let length = 0; length < whole.length; length += 1) {
    const path = freshPath();
    const kept = whole.slice(0, length);
    writeFileSync(path, kept);
    const again = await openRecording(path);
    again.recording.sample(COLUMNS, [9000, 7]);
    again.close();
    const lines = linesOf(path);
    const wholeLines = kept.slice(0, kept.lastIndexOf('\n') + 1);
    // Of a header that was cut off nothing is left: the recording begins anew.
    expect(readFileSync(path, 'utf8').startsWith(wholeLines)).toBe(true);
    expect(lines[0]).toBe(recordingLine(HEADER).trimEnd());
    expect(lines.map((line) => parseRecordingLine(line).kind)).not.toContain('broken');
    expect(lines.at(-1)).toBe('[9000,7]');
  }
});

test('one that goes on knows where it ended, and with whom', async () => {
  const path = freshPath();
  const { recording, close } = await openRecording(path);
  recording.sample(COLUMNS, [0, 5]);
  recording.event({ event: 'restart', t: 500, pid: 77 });
  recording.sample(COLUMNS, [1000, 6]);
  close();
  const { resumed } = await openRecording(path, { startedAt: '2026-02-02T00:00:00.000Z', pid: 99 });
  expect(resumed).toMatchObject({
    startedAtMs: Date.parse(HEADER.startedAt),
    lastT: 1000,
    pid: 77,
    columns: COLUMNS,
  });
});

test('what is not a recording of the same name is refused and left as it was', async () => {
  const path = freshPath();
  const refused = async (content: string, wanted: string): Promise<void> => {
    writeFileSync(path, content);
    await expect(openRecording(path)).rejects.toEqual(code(wanted));
    expect(readFileSync(path, 'utf8')).toBe(content);
  };
  await refused('my notes', 'MEMTOOL_FILE_EXISTS');
  await refused('time,rss\n1,2\n', 'MEMTOOL_FILE_EXISTS');
  await refused(recordingLine({ ...HEADER, name: 'billing' }), 'MEMTOOL_FILE_EXISTS');
  await refused('{"memtoolRecording":2}\n', 'MEMTOOL_RECORDING_VERSION');
});

test('only one recorder at a time', async () => {
  const path = freshPath();
  const { close } = await openRecording(path);
  await expect(openRecording(path)).rejects.toEqual(code('MEMTOOL_BUSY'));
  close();
  await openRecording(path);
});

test('a file that was removed, replaced or written to by somebody else is not written any more', async () => {
  for (const harm of [
    (path: string) => rmSync(path),
    (path: string) => renameSync(path, `${path}.old`),
    (path: string) => appendFileSync(path, 'notes\n'),
  ]) {
    const path = freshPath();
    const { recording } = await openRecording(path);
    recording.sample(COLUMNS, [0, 5]);
    harm(path);
    expect(() => recording.sample(COLUMNS, [1000, 5])).toThrow(code('MEMTOOL_CANNOT_WRITE'));
  }
});

test('directories, devices and places that cannot be written are refused with the reason', async () => {
  const path = freshPath();
  await expect(openRecording(dirname(path))).rejects.toEqual(code('MEMTOOL_CANNOT_WRITE'));
  await expect(openRecording('/dev/full')).rejects.toEqual(code('MEMTOOL_CANNOT_WRITE'));
  await expect(openRecording(`${path}/nowhere/run.jsonl`)).rejects.toEqual(code('MEMTOOL_CANNOT_WRITE'));
});

test('a link stays a link, through thinning too', async () => {
  const path = freshPath();
  const link = `${path}.link`;
  symlinkSync(path, link);
  writeFileSync(path, '');
  const { recording } = await openRecording(link, { bytesMax: 2000 });
  for (let index = 0; index < 300; index += 1) recording.sample(COLUMNS, [index * 1000, 5]);
  expect(recording.thinnings).toBeGreaterThan(0);
  expect(statSync(path).size).toBe(recording.bytes);
  expect(readFileSync(link, 'utf8')).toBe(readFileSync(path, 'utf8'));
});

test('a file never exceeds its bound, keeps its newest samples whole, its oldest thinned, and all events', async () => {
  const path = freshPath();
  const bytesMax = 20_000;
  const { recording, close } = await openRecording(path, { bytesMax });
  recording.event({ event: 'gap', t: 0, untilT: 1, reason: 'kept' });
  const written = 10_000;
  for (let index = 0; index < written; index += 1) {
    recording.sample(COLUMNS, [index * 1000, 5_000_000]);
    expect(recording.bytes).toBeLessThanOrEqual(bytesMax);
  }
  const lines = linesOf(path).map(parseRecordingLine);
  const times = lines.flatMap((line) => (line.kind === 'sample' ? [line.sample[0] ?? NaN] : []));
  const steps = times.slice(1).map((t, index) => t - (times[index] ?? NaN));
  expect(times[0]).toBe(0);
  expect(times.at(-1)).toBe((written - 1) * 1000);
  // Older is never denser.
  expect(steps).toEqual(steps.toSorted((a, b) => b - a));
  expect(steps.at(-1)).toBe(1000);
  expect(steps[0]).toBeGreaterThan(8000);
  const thinned = lines.filter((line) => line.kind === 'event' && line.event.event === 'thinned');
  expect(thinned).toHaveLength(recording.thinnings);
  expect(lines).toContainEqual({ kind: 'event', event: { event: 'gap', t: 0, untilT: 1, reason: 'kept' } });
  expect(readdirSync(dirname(path))).toEqual(['run.jsonl']);
  close();
  const { resumed } = await openRecording(path);
  expect(resumed?.lastT).toBe((written - 1) * 1000);
});

test('what a kill in the middle of thinning leaves is taken away by the next recorder', async () => {
  const path = freshPath();
  (await openRecording(path)).close();
  const left = `${dirname(path)}/.run.jsonl.thinning`;
  writeFileSync(left, 'half');
  await openRecording(path);
  expect(existsSync(left)).toBe(false);
});
