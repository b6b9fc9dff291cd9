import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, printable, textWidth, wrap } from '../../src/render/text.ts';
import { bar } from '../../src/render/usage-bar.ts';

test.each([
  ['', 0],
  ['plain', 5],
  ['日本', 4],
  ['e\u0301', 1],
  ['😀!', 3],
])('%j is %d columns wide', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

test('control characters never reach the terminal', () => {
  expect(printable('a\u001b[31mb\r\n\u009bc\u007f')).toBe('a?[31mb???c?');
});

test('what is cut is never wider than asked for, and is marked', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.integer({ min: 1, max: 20 }), (text, width) => {
      const kept = cut(text, width);
      expect(textWidth(kept)).toBeLessThanOrEqual(width);
      if (kept !== text) expect(kept.endsWith('…') && text.startsWith(kept.slice(0, -1))).toBe(true);
    }),
  );
});

test('wrapping keeps every word, and keeps to the width where words allow it', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/)), fc.integer({ min: 12, max: 60 }), (words, width) => {
      const lines = wrap(words.join(' '), width);
      expect(lines.join(' ')).toBe(words.join(' '));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    }),
  );
});

test('a command in backquotes is never broken, so that it can be copied', () => {
  expect(wrap('Restart it with `memtool run server.js`, then look.', 20)).toEqual([
    'Restart it with',
    '`memtool run server.js`,',
    'then look.',
  ]);
});

test('a bar is full only at all of it, and never empty when there is something', () => {
  expect(bar(0, 4)).toBe('░░░░');
  expect(bar(0.001, 4)).toBe('█░░░');
  expect(bar(0.999, 4)).toBe('███░');
  expect(bar(1, 4)).toBe('████');
  expect(bar(1.3, 4)).toBe('████');
});
