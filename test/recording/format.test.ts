import { expect, test } from 'vitest';
import {
  parsePoolColumn,
  parseRecordingLine,
  poolColumn,
  recordingLine,
  type RecordingLine,
} from '../../src/recording/format.ts';
import { HEADER } from './header.ts';

function parsed(text: string): RecordingLine {
  return parseRecordingLine(text.trimEnd());
}

test('what is written is read', () => {
  expect(parsed(recordingLine(HEADER))).toEqual({ kind: 'header', header: HEADER });
  expect(parsed(recordingLine({ columns: ['t', 'rss'] }))).toEqual({ kind: 'columns', columns: ['t', 'rss'] });
  expect(parsed(recordingLine([1000, null, 1.5]))).toEqual({ kind: 'sample', sample: [1000, null, 1.5] });
  for (const event of [
    { event: 'restart', t: 1, pid: 2 },
    { event: 'gone', t: 1 },
    { event: 'gap', t: 1, untilT: 5, reason: 'slept' },
    { event: 'thinned', t: 1, keepEvery: 2 },
  ] as const) {
    expect(parsed(recordingLine(event))).toEqual({ kind: 'event', event });
  }
});

test.each(['{"event":"phase","t":1}', '{"event":"restart","t":1}', '{"columns":[1]}', '["a"]', '7', 'null', '{}'])(
  'what another version may write is no error: %s',
  (line) => expect(parsed(line)).toEqual({ kind: 'unknown' }),
);

test('a line that a kill has cut off is broken, wherever it was cut', () => {
  for (const whole of [recordingLine(HEADER), recordingLine([1000, null, 1.5])]) {
    const line = whole.trimEnd();
    for (let length = 0; length < line.length; length += 1) expect(parsed(line.slice(0, length)).kind).toBe('broken');
  }
});

test('a header of another version, or without what it needs, is refused', () => {
  expect(() => parsed('{"memtoolRecording":2}')).toThrow(
    expect.objectContaining({ code: 'MEMTOOL_RECORDING_VERSION' }),
  );
  const { name: _, ...incomplete } = HEADER;
  expect(() => parsed(JSON.stringify(incomplete))).toThrow(expect.objectContaining({ code: 'MEMTOOL_BAD_RECORDING' }));
});

test('a pool`s column tells its manager, name and figure', () => {
  expect(poolColumn('orders-api', 'cache', 'used')).toBe('pool:orders-api/cache.used');
  expect(parsePoolColumn('pool:orders-api/a.b/c.limit')).toEqual({
    manager: 'orders-api',
    pool: 'a.b/c',
    figure: 'limit',
  });
  expect(parsePoolColumn(poolColumn(null, 'buffers', 'live'))).toEqual({
    manager: '',
    pool: 'buffers',
    figure: 'live',
  });
  expect(parsePoolColumn('rss')).toBeUndefined();
});
