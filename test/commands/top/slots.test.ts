import { expect, test } from 'vitest';
import { Slots } from '../../../src/commands/top/slots.ts';

function noop(): void {}

test('no more than so many at once', async () => {
  const slots = new Slots(3, 60_000);
  let running = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 20 }, () => slots.run(task)));
  expect(most).toBe(3);
});

test('those that hang give their places to the next, and a failure gives its own back', async () => {
  const slots = new Slots(2, 1);
  let open = noop;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const hung = Array.from({ length: 5 }, () => slots.run(() => opened));
  await slots.run(async () => undefined);
  await expect(slots.run(() => Promise.reject(new Error('on purpose')))).rejects.toThrow('on purpose');
  open();
  await Promise.all(hung);
  await slots.run(async () => undefined);
});
