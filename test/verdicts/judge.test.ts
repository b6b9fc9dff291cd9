import { expect, test } from 'vitest';
import type { Leak, Verdict } from '../../src/report/leaks.ts';
import { judge } from './judge.ts';
import { renderTable } from './table.ts';
import type { Truth } from './truth.ts';

const LEAKY: Truth = { file: 'leaky.js', expected: 'leak', where: ['keep', 'handle'] };
const CLEAN: Truth = { file: 'clean.js', expected: 'no leak', where: ['load'] };

function row(verdict: Verdict, functionName: string, bytes: number = 4096): Leak {
  return {
    manager: null,
    kind: 'growing',
    source: 'heap',
    pool: null,
    tag: null,
    stack: ['(anonymous) (file:///app/leaky.js:3:4)', `${functionName} (file:///app/leaky.js:1:2)`],
    scope: null,
    count: 1,
    bytes,
    oldestAgeSeconds: 20,
    youngestAgeSeconds: 1,
    generations: 8,
    bytesPerMinute: 1024,
    verdict,
    reason: `It is ${verdict}.`,
  };
}

test('a leak is found by a row of verdict leak that names its function, also one it is compiled into', () => {
  const early = [row('undecided', 'keep')];
  expect(judge(LEAKY, [early, [row('cache', 'load', 1e6), row('leak', 'Store.keep')]])).toMatchObject({
    isMissed: false,
    falseAlarms: [],
    falseSuspects: [],
    row: { verdict: 'leak' },
  });
  expect(judge(LEAKY, [early, [row('leak', 'async handle')]]).isMissed).toBe(false);
});

test('it is missed when it is only suspected, named in the wrong place, or gone again at the end', () => {
  const wrong = row('leak', 'receive');
  for (const last of [[row('suspect', 'keep')], [wrong], []]) {
    expect(judge(LEAKY, [[row('leak', 'keep')], last]).isMissed).toBe(true);
  }
  expect(judge(LEAKY, [[], [row('leak', 'keep'), wrong]])).toMatchObject({ isMissed: false, falseAlarms: [wrong] });
});

test('of what does not leak, any such row in any answer is a false alarm', () => {
  const alarm = row('leak', 'load');
  const suspect = row('suspect', 'load');
  expect(judge(CLEAN, [[alarm], [suspect]])).toMatchObject({ falseAlarms: [alarm], falseSuspects: [suspect] });
  expect(judge(CLEAN, [[], [row('cache', 'load')]])).toMatchObject({ isMissed: false, falseAlarms: [] });
});

test('the table shows what was found and counts it', () => {
  const judgements = [
    judge(LEAKY, [[row('leak', 'keep')]]),
    judge({ ...LEAKY, file: 'missed.js' }, [[row('suspect', 'handle')]]),
    judge(CLEAN, [[row('leak', 'load')]]),
    judge({ ...CLEAN, file: 'empty.js' }, [[row('suspect', 'load')], []]),
  ];
  expect(renderTable(judgements)).toMatchInlineSnapshot(`
    "| program | truth | verdict | site | reason |  |
    | --- | --- | --- | --- | --- | --- |
    | leaky.js | leak | leak | keep | It is leak. | right |
    | missed.js | leak | suspect | handle | It is suspect. | missed |
    | clean.js | no leak | leak | load | It is leak. | false alarm ((anonymous)) |
    | empty.js | no leak | none |  |  | right, suspected in vain ((anonymous)) |

    2 of 4 right, 1 missed, 1 with a false alarm, 1 with a suspect that is none."
  `);
});
