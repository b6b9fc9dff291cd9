import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeBlock, decodeNewest, encodeBlock } from '../../src/black-box/block.ts';
import { readContents } from '../../src/black-box/contents.ts';
import { BlackBoxFile } from '../../src/black-box/file.ts';
import { DETAILS, ENDINGS, FILE_BYTES, HEAD, MINUTES, SECONDS, SLOT_BYTES } from '../../src/black-box/layout.ts';
import { freshPath, SAMPLE_DETAILS, SAMPLE_HEAD, sampleAt, STARTED_MS, writeBox } from './sample-box.ts';

function contentsOf(path: string) {
  return readContents(readFileSync(path), path);
}

test('the parts follow each other without a gap or an overlap, and all of it is under a megabyte', () => {
  const parts = [
    ...[...HEAD, ...DETAILS, ENDINGS.own, ENDINGS.starter].map(({ at, bytes }) => [at, at + bytes]),
    ...[SECONDS, MINUTES].map(({ at, slots }) => [at, at + slots * SLOT_BYTES]),
  ];
  for (const [index, [at]] of parts.entries()) expect(at).toBe(index === 0 ? 4096 : parts[index - 1]?.[1]);
  expect(parts.at(-1)?.[1]).toBe(FILE_BYTES);
  expect(FILE_BYTES).toBeLessThan(1_000_000);
});

test('what was written is read', () => {
  const own = { atMs: STARTED_MS, code: 3, error: null, rssBytes: 1, heapUsedBytes: 2 };
  const starter = { atMs: STARTED_MS, code: null, signal: 'SIGKILL' };
  const contents = contentsOf(writeBox({ own, starter }));
  expect(contents).toMatchObject({ head: SAMPLE_HEAD, details: SAMPLE_DETAILS, own, starter });
  expect(contents.seconds).toHaveLength(121);
  expect(contents.seconds[120]?.figures).toEqual(sampleAt(120).figures);
  expect(contents.minutes.map(({ atMs }) => atMs - STARTED_MS)).toEqual([0, 60_000, 120_000]);
});

test('a ring that has gone round has the newest samples, in order', () => {
  const path = writeBox({ seconds: SECONDS.slots + 7 });
  const times = contentsOf(path).seconds.map(({ atMs }) => (atMs - STARTED_MS) / 1000);
  expect(times).toEqual(Array.from({ length: SECONDS.slots }, (_, index) => index + 7));
});

test('the file does not grow, whatever is written', () => {
  const path = freshPath();
  const file = BlackBoxFile.create(path);
  for (let sequence = 0; sequence < 2 * MINUTES.slots; sequence += 1) {
    file.writeSample(SECONDS, sequence, sampleAt(sequence));
    file.writeSample(MINUTES, sequence, sampleAt(sequence));
  }
  file.close();
  expect(statSync(path).size).toBe(FILE_BYTES);
});

test('a torn slot is not there, and the others are', () => {
  const path = writeBox();
  const bytes = readFileSync(path);
  // The beginning of a sample has been written, the rest is still that of another.
  const at = SECONDS.at + 50 * SLOT_BYTES;
  bytes.copy(bytes, at + 24, at + SLOT_BYTES + 24, at + 2 * SLOT_BYTES);
  writeFileSync(path, bytes);
  const { seconds } = contentsOf(path);
  expect(seconds).toHaveLength(120);
  expect(seconds.some(({ atMs }) => atMs === STARTED_MS + 50_000)).toBe(false);
});

test('of two copies the newer counts, and the older when that one is torn', () => {
  const file = Buffer.alloc(FILE_BYTES);
  encodeBlock(6, { text: 'older' }, HEAD[0].bytes)?.copy(file, HEAD[0].at);
  encodeBlock(7, { text: 'newer' }, HEAD[1].bytes)?.copy(file, HEAD[1].at);
  expect(decodeNewest(file, HEAD)).toEqual({ text: 'newer' });
  file[HEAD[1].at + 20] = 0;
  expect(decodeNewest(file, HEAD)).toEqual({ text: 'older' });
});

test('a block that does not fit is not written', () => {
  const path = freshPath();
  const file = BlackBoxFile.create(path);
  expect(file.writeBlock(ENDINGS.own, 0, { text: 'x'.repeat(ENDINGS.own.bytes) })).toBe(false);
  file.close();
  expect(decodeBlock(readFileSync(path), ENDINGS.own)).toBeUndefined();
});

test('a file that was removed is known to have no name', () => {
  const path = freshPath();
  const file = BlackBoxFile.create(path);
  expect(file.hasName).toBe(true);
  rmSync(path);
  expect(file.hasName).toBe(false);
  file.close();
});

test.each([
  ['an empty file', Buffer.alloc(0)],
  ['something else', Buffer.from('{"memtoolRecording":1}'.repeat(100))],
])('%s is refused', (_, bytes) => {
  expect(() => readContents(bytes, 'x.last')).toThrow(expect.objectContaining({ code: 'MEMTOOL_BAD_BLACK_BOX' }));
});

test('another version is refused, and named', () => {
  const bytes = readFileSync(writeBox());
  bytes.writeUInt32LE(9, 8);
  expect(() => readContents(bytes, 'x.last')).toThrow(/version 9, and this memtool knows 1/);
});
