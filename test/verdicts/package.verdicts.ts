import { expect, test } from 'vitest';
import type { Leak } from '../../src/report/leaks.ts';
import { functionName } from './judge.ts';
import { directoryOf, FIXED, LEAKY } from './install.ts';
import { watch } from './watch.ts';

const PROGRAM = 'package-leak.js';

function isOfPackage({ stack }: Leak): boolean {
  return stack.some((frame) => frame.includes('p-map') && functionName(frame) === 'pMap');
}

test.concurrent(`${LEAKY} leaks in pMap`, async () => {
  const answers = await watch(PROGRAM, directoryOf(LEAKY));
  const found = answers.at(-1)?.filter(({ verdict }) => verdict === 'leak');
  expect(found?.filter(isOfPackage), JSON.stringify(answers.at(-1), undefined, 2)).not.toEqual([]);
});

test.concurrent(`${FIXED} is clean under the same program`, async () => {
  const answers = await watch(PROGRAM, directoryOf(FIXED));
  expect(answers.flat().filter(({ verdict }) => verdict === 'leak' || verdict === 'suspect')).toEqual([]);
});
