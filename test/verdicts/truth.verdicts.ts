import { afterAll, expect, test } from 'vitest';
import { isRight, judge, type Judgement } from './judge.ts';
import { renderTable } from './table.ts';
import { TRUTH } from './truth.ts';
import { watch } from './watch.ts';

/**
 * Samples are drawn by chance and the machine may be busy, so one of the programs comes out wrong now and then: the table says
 * which. More than two, and the verdicts have become worse.
 */
const WRONG_MAX = 2;

const judgements = new Map<string, Judgement>();

test.concurrent.each(TRUTH)('$file: $expected', async (truth) => {
  judgements.set(truth.file, judge(truth, await watch(truth.file)));
});

test('nearly all of them are judged rightly', () => {
  expect(judgements.size).toBe(TRUTH.length);
  const wrong = [...judgements.values()].filter((judgement) => !isRight(judgement));
  expect(wrong.length, JSON.stringify(wrong, undefined, 2)).toBeLessThanOrEqual(WRONG_MAX);
});

afterAll(() => {
  const inOrder = TRUTH.flatMap(({ file }) => judgements.get(file) ?? []);
  process.stdout.write(`\n${renderTable(inOrder)}\n\n`);
});
