import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ProcessesReport } from '../../src/report/processes.ts';
import { FIXTURES, Subject } from '../agent/subject.ts';
import { freshDirectory, memtool } from './memtool.ts';

/** A directory whose sockets would have paths that the system does not take. */
function tooLong(): string {
  const directory = join(freshDirectory(), 'x'.repeat(100));
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

test('an agent that failed says why in ps, and its application goes on', async () => {
  const subject = new Subject([join(FIXTURES, 'pools.js'), 'stay'], tooLong());
  onTestFinished(() => void subject.child.kill('SIGKILL'));
  await subject.appeared('.failed');
  const { stdout, stderr, exitCode } = await memtool(['ps', '--json'], subject.directory);
  const report: ProcessesReport = JSON.parse(stdout);
  const listed = report.processes.find(({ pid }) => pid === subject.child.pid);
  expect(listed).toMatchObject({ agent: false, reason: expect.stringMatching(/^its agent failed: .*over 107 bytes/) });
  expect([stderr, exitCode]).toEqual(['', 0]);
  expect(subject.child.exitCode).toBeNull();
});

test('the note of a process that is gone is removed, and one that is no note is left out', async () => {
  const directory = freshDirectory();
  // No system gives out this pid.
  const stale = join(directory, '4999999-1.failed');
  writeFileSync(stale, '{}');
  writeFileSync(join(directory, 'nonsense.failed'), 'not ours');
  const { stderr, exitCode } = await memtool(['ps'], directory);
  expect([stderr, exitCode]).toEqual(['', 0]);
  expect([existsSync(stale), existsSync(join(directory, 'nonsense.failed'))]).toEqual([false, true]);
});
