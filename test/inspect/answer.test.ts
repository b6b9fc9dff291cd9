import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerReader, type Answer } from '../../src/inspect/answer.ts';

function readInPieces(text: string, sizes: number[]): Answer | undefined {
  const reader = new AnswerReader();
  let rest = Buffer.from(text);
  for (const size of [...sizes, rest.length]) {
    const answer = reader.push(rest.subarray(0, size));
    if (answer) return answer;
    rest = rest.subarray(size);
  }
  return reader.end();
}

test('an answer is the same in whatever pieces it arrives, with its length announced or not', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 20 })),
      (body, announced, sizes) => {
        const length = announced ? `content-Length:  ${Buffer.byteLength(body)}\r\n` : '';
        const answer = readInPieces(`HTTP/1.1 503 Busy\r\nX: y\r\n${length}\r\n${body}`, sizes);
        expect(answer).toEqual({ status: 503, body });
      },
    ),
  );
});

test('an answer that is shorter than announced is none', () => {
  expect(readInPieces('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nfour', [])).toBeUndefined();
});

test('a header without an end is refused', () => {
  expect(() => readInPieces(`HTTP/1.0 200 OK\r\n${'a'.repeat(20_000)}`, [])).toThrow('it is not HTTP');
});
