import { afterAll, expect, test } from 'vitest';
import { judge, type Judgement } from './judge.ts';
import { renderTable } from './table.ts';
import { TRUTH } from './truth.ts';
import { watch } from './watch.ts';

const judgements = new Map<string, Judgement>();

test.concurrent.each(TRUTH)('$file: $expected', async (truth) => {
  const judgement = judge(truth, await watch(truth.file));
  judgements.set(truth.file, judgement);
  expect(judgement).toMatchObject({ isMissed: false, falseAlarms: [] });
});

afterAll(() => {
  const inOrder = TRUTH.flatMap(({ file }) => judgements.get(file) ?? []);
  process.stdout.write(`\n${renderTable(inOrder)}\n\n`);
});
