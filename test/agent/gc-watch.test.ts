import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { GcWatch } from '../../src/agent/gc-watch.ts';
import type { ProcessStats } from '../../src/report/stats.ts';
import { FIXTURES, Subject } from './subject.ts';

/** A watch with a clock of its own. */
function watchAt(): { watch: GcWatch; pass: (seconds: number) => void } {
  let nowMs = 0;
  const watch = new GcWatch(() => nowMs);
  onTestFinished(() => watch.stop());
  return { watch, pass: (seconds) => void (nowMs += seconds * 1000) };
}

async function collect(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) globalThis.gc?.();
  // They are told as a task of the event loop.
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('collections are counted from when somebody asks, with their pauses, and summed up', async () => {
  const { watch, pass } = watchAt();
  await collect(2);
  expect(watch.read()).toBeUndefined();
  watch.keep(60);
  expect(watch.read()).toEqual({ count: 0, fullCount: 0, pauseMs: 0 });
  await collect(3);
  const first = watch.read();
  expect(first?.count).toBeGreaterThanOrEqual(3);
  expect(first?.pauseMs).toBeGreaterThan(0);
  // Asked for by `gc()`, they are of the whole heap.
  expect(first?.fullCount).toBeGreaterThanOrEqual(3);
  expect(first?.fullCount).toBeLessThanOrEqual(first?.count ?? NaN);
  pass(1);
  await collect(1);
  expect(watch.read()?.count).toBeGreaterThan(first?.count ?? NaN);
});

test('when nobody asks any more it ends with the next reading of the heap, and a later watch counts on', async () => {
  const { watch, pass } = watchAt();
  watch.keep(60);
  await collect(2);
  const counted = watch.read()?.count ?? NaN;
  pass(61);
  expect(watch.read()).toBeUndefined();
  watch.keep(60);
  await collect(1);
  expect(watch.read()?.count).toBeGreaterThan(counted);
});

test('while there are so many that counting costs too much it rests', async () => {
  const { watch, pass } = watchAt();
  watch.keep(600);
  await collect(150);
  pass(1);
  expect(watch.read()).toBeUndefined();
  watch.keep(600);
  expect(watch.read()).toBeUndefined();
  pass(61);
  watch.keep(600);
  expect(watch.read()?.count).toBeGreaterThanOrEqual(150);
});

test('a process tells them only to who asks for it', async () => {
  const subject = new Subject([`${FIXTURES}growing.js`]);
  onTestFinished(() => subject.end());
  if (subject.child.stdout) await once(subject.child.stdout, 'data');
  await subject.appeared('.sock');
  expect(await subject.json<ProcessStats>('/v1/stats')).not.toHaveProperty('gc');
  const count = async (): Promise<number> =>
    (await subject.json<ProcessStats>('/v1/stats?gc=60&workers=0')).gc?.count ?? -1;
  expect(await count()).toBeGreaterThanOrEqual(0);
  await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(0);
});
