import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { runsNode } from '../../src/inspect/attach/executable.ts';
import { attachability, prove } from '../../src/inspect/attach/proof.ts';
import { listNodeProcesses, readProcess, type OsProcess } from '../../src/inspect/processes.ts';
import { freshDirectory, startProgram } from '../commands/memtool.ts';

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

test('what can be attached to is told from /proc alone, and every reason says what to do', async () => {
  const words = ['-e', 'process.stdout.write("ready"); setInterval(() => {}, 1000)'];
  const child = await startProgram(words, freshDirectory());
  const early = prove(child.pid);
  // On a busy machine it may have taken a second to get here.
  if (processOf(child.pid).uptimeSeconds < 1)
    expect(early).toMatchObject({ reason: 'it started less than a second ago', waitMs: expect.any(Number) });
  await sleep(1100);
  expect(attachability(processOf(child.pid))).toEqual({
    attachable: true,
    reason: `no agent; \`memtool attach ${child.pid}\` starts one`,
  });
  child.kill('SIGSTOP');
  // The kernel stops it when it next looks, which may be after us.
  await expect
    .poll(() => attachability(processOf(child.pid)))
    .toMatchObject({ attachable: false, reason: expect.stringContaining('kill -CONT') });
  expect(prove(2 ** 30)).toEqual({ reason: 'it has ended' });
});

test('Node.js is known by what it exports, whatever its name', () => {
  expect(runsNode(process.pid)).toBe(true);
  const other = spawn('sleep', ['60']);
  onTestFinished(() => void other.kill());
  expect(runsNode(other.pid ?? 0)).toBe(false);
  expect(runsNode(2 ** 30)).toBeUndefined();
});

function processOf(pid: number): OsProcess {
  const process = readProcess(pid);
  if (process === undefined) throw new Error(`there is no process ${pid}`);
  return process;
}
