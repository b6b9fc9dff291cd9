import { expect, test } from 'vitest';
import { renderError } from '../../src/render/error.ts';
import { AT_80 } from './sample.ts';

test('what happened, then what to do', () => {
  const error = {
    code: 'MEMTOOL_NO_PROCESS',
    message: 'There is no process 4242 on this machine, and there has not been one since it was started.',
    hint: 'Run `memtool ps` to see which processes there are.',
  };
  expect(renderError(error, { ...AT_80, width: 60 })).toMatchInlineSnapshot(`
    "memtool: There is no process 4242 on this machine, and there
             has not been one since it was started.
      Run \`memtool ps\` to see which processes there are."
  `);
});

test('a stack keeps its lines', () => {
  expect(
    renderError({ code: 'MEMTOOL_INTERNAL', message: 'It failed: Error: x\n    at a (b.js:1:1)', hint: null }, AT_80),
  ).toMatchInlineSnapshot(`
    "memtool: It failed: Error: x
        at a (b.js:1:1)"
  `);
});
