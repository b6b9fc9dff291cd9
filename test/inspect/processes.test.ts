import { expect, test } from 'vitest';
import { attachability, listNodeProcesses, readProcess, type OsProcess } from '../../src/inspect/processes.ts';
import { freshDirectory, startProgram } from '../commands/memtool.ts';

const FOUND: OsProcess = {
  pid: 4242,
  startTime: '100',
  name: 'app.js',
  script: 'lib/app.js',
  isNode: true,
  isOurs: true,
  uid: 0,
  handlesSigusr1: true,
  uptimeSeconds: 60,
  rssBytes: 1,
};

test('a Node process of ours is listed, with what the system says of it', async () => {
  const child = await startProgram(['-e', 'console.log("ready"); setInterval(() => {}, 1000)'], freshDirectory());
  const found = listNodeProcesses().find(({ pid }) => pid === child.pid);
  expect(found).toMatchObject({ name: '[eval]', script: undefined, isNode: true, isOurs: true, handlesSigusr1: true });
  expect(found?.rssBytes).toBeGreaterThan(10 * 1024 * 1024);
});

test('we do not list ourselves', () => {
  expect(listNodeProcesses().map(({ pid }) => pid)).not.toContain(process.pid);
});

test('a process that is not there is not there', () => {
  expect(readProcess(2 ** 30)).toBeUndefined();
});

test('what can be attached to is told from /proc alone, and every reason says what to do', () => {
  expect(attachability(FOUND)).toEqual({
    attachable: true,
    reason: 'no agent; restart it with `memtool run lib/app.js`',
  });
  expect(attachability({ ...FOUND, handlesSigusr1: false })).toEqual({
    attachable: false,
    reason: 'no agent, and it does not handle SIGUSR1; restart it with `memtool run lib/app.js`',
  });
  expect(attachability({ ...FOUND, uptimeSeconds: 0.5 }).attachable).toBe(false);
  expect(attachability({ ...FOUND, isOurs: false })).toEqual({
    attachable: false,
    reason: 'it belongs to another user',
  });
  expect(attachability({ ...FOUND, isNode: false })).toEqual({
    attachable: false,
    reason: 'it is not a Node.js process',
  });
});
