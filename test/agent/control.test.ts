import { expect, test } from 'vitest';
import { Control } from '../../src/agent/control.ts';

test('no session is opened once the process is leaving', () => {
  const control = new Control();
  expect(control.beginSession()).toBe(true);
  control.endSession();
  control.exit();
  expect(control.beginSession()).toBe(false);
  // Nothing is left that the exit would wait for.
  expect(Atomics.load(control.words, 2)).toBe(0);
});

test('a failure is told once, and never of a process that is leaving', () => {
  const control = new Control();
  expect(control.fail()).toEqual({ hadSocket: false });
  expect(control.fail()).toBeUndefined();
  expect(control.exit()).toBe('failure');
  const listening = new Control();
  listening.beginBind();
  listening.endBind(true);
  expect(listening.fail()).toEqual({ hadSocket: true });
  const leaving = new Control();
  leaving.exit();
  expect(leaving.fail()).toBeUndefined();
});

test('an exit between the bind and its return removes what the bind has made, and nothing when it was refused', () => {
  for (const [bound, left] of [
    [true, 'socket'],
    [false, undefined],
  ] as const) {
    const agent = new Control();
    expect(agent.beginBind()).toBe(true);
    // The bind returns on the other thread before the exit looks; both see the same words.
    const main = new Control(agent.words);
    Atomics.store(agent.words, 1, bound ? 1 : 2);
    expect(main.exit()).toBe(left);
  }
});
