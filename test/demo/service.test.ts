import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DemoEvent, DemoRequest } from '../../src/demo/messages.ts';

let directory: string;
let service: ChildProcess;
let printed: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'memtool-demo-'));
  printed = '';
  service = fork('dist/demo-service.js', {
    silent: true,
    env: { ...process.env, MEMTOOL_DIR: directory },
    execArgv: [],
  });
  service.stdout?.on('data', (text: Buffer) => (printed += text.toString()));
  service.stderr?.on('data', (text: Buffer) => (printed += text.toString()));
});

afterEach(async () => {
  service.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function event<Type extends DemoEvent['type']>(type: Type): Promise<DemoEvent & { type: Type }> {
  const isWanted = (received: DemoEvent): received is DemoEvent & { type: Type } => received.type === type;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one message after the other
    const [received]: DemoEvent[] = await once(service, 'message');
    if (received && isWanted(received)) return received;
  }
}

function ask(request: DemoRequest): void {
  service.send(request);
}

/** Its code and its signal. */
async function exit(): Promise<(number | string | null)[]> {
  return once(service, 'exit');
}

test('serves a load, tells of it, and ends when asked, without a word', async () => {
  expect((await event('ready')).pid).toBe(service.pid);
  ask({ type: 'load', seconds: 1 });
  const progress = await event('progress');
  expect(progress.done).toBeGreaterThan(0);
  const done = await event('done');
  expect(done.queries).toBeGreaterThan(progress.queries);
  expect(done.refused).toBeGreaterThan(0);
  expect(done.refusal).toMatchObject({
    user: 'cleo',
    account: 'cleo',
    reason: expect.stringMatching(/^User cleo refused .* of 12\.0 MiB .* Held by: selection 3\.8 MiB in 1/),
  });
  expect(done.seconds).toBeGreaterThanOrEqual(1);
  ask({ type: 'stop' });
  expect(await exit()).toEqual([0, null]);
  expect(printed).toBe('');
});

test('ends when whoever started it is gone', async () => {
  await event('ready');
  ask({ type: 'load', seconds: 60 });
  await event('progress');
  service.disconnect();
  expect(await exit()).toEqual([0, null]);
});

test('goes on alone when it is to be kept, until a signal', async () => {
  await event('ready');
  ask({ type: 'load', seconds: 1 });
  ask({ type: 'keep' });
  await event('progress');
  service.disconnect();
  await once(service, 'disconnect').catch(() => undefined);
  expect(service.exitCode).toBeNull();
  service.kill('SIGTERM');
  expect(await exit()).toEqual([0, null]);
});
