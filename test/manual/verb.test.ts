import { expect, test } from 'vitest';
import { operandOf, shapeOf, usageOf, valueOf, type Verb } from '../../src/manual/verb.ts';

test.each([
  ['--json', { names: ['--json'], value: undefined, isValueOptional: false }],
  ['-o, --output <file>', { names: ['-o', '--output'], value: 'file', isValueOptional: false }],
  ['--watch [seconds]', { names: ['--watch'], value: 'seconds', isValueOptional: true }],
  ['--listen <[host:]port>', { names: ['--listen'], value: '[host:]port', isValueOptional: false }],
  ['--max-pause <duration>', { names: ['--max-pause'], value: 'duration', isValueOptional: false }],
])('the flags %s', (flags, shape) => {
  expect(shapeOf([flags, ''])).toEqual(shape);
});

const VERB: Verb = {
  name: 'look',
  group: 'closer',
  operands: '',
  summary: '',
  examples: [],
  options: [],
  watchable: false,
};

test('what an operand can be follows from its name', () => {
  const of = (operands: string) => operandOf({ ...VERB, operands });
  expect([of('[target]'), of('<pid>'), of('<plan.json>'), of('<program...>'), of('')]).toEqual([
    'target',
    'bare',
    'file',
    'file',
    undefined,
  ]);
  expect(operandOf({ ...VERB, operands: '[target]', completes: 'ended' })).toBe('ended');
  expect(valueOf(['-o, --output <file>', ''])).toBe('file');
});

test('the usage is made from the operands, unless it is given', () => {
  expect(usageOf({ ...VERB, operands: '[target]' })).toBe('look [target] [options]');
  expect(usageOf({ ...VERB, startsProgram: true })).toBe('look [options] [-- node options] app.js [arguments]');
  expect(usageOf({ ...VERB, usage: '<bash|zsh|fish>' })).toBe('look <bash|zsh|fish>');
});
