import { describe, expect, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import { freshDirectory, json, nextOutput, start, startAgent } from './memtool.ts';

async function lines(
  words: string[],
  directory: string,
  wanted: number,
): Promise<{ child: ReturnType<typeof start>; seen: string[] }> {
  const child = start(words, directory);
  let text = '';
  while (text.split('\n').length <= wanted) text += await nextOutput(child.child);
  return { child, seen: text.split('\n').slice(0, -1) };
}

describe('--watch', () => {
  test('with --json prints one object a line; Ctrl-C ends it with 130', async () => {
    const directory = freshDirectory();
    await startAgent('busy', directory);
    const { child, seen } = await lines(['pressure', '--json', '--watch', '0.1'], directory, 3);
    for (const line of seen) expect(json<PressureReport>({ stdout: line }).level).toBe('warning');
    child.child.kill('SIGINT');
    expect(await child.outcome).toMatchObject({ stderr: '', exitCode: 130 });
  });

  test('ended by SIGTERM exits with the last look`s code', async () => {
    const directory = freshDirectory();
    await startAgent('busy', directory);
    const { child } = await lines(['leaks', '--json', '--watch=0.1'], directory, 1);
    child.child.kill('SIGTERM');
    expect(await child.outcome).toMatchObject({ stderr: '', exitCode: 1 });
  });

  test('goes on over a look that was not answered in time', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('hung', directory);
    const { child, seen } = await lines(
      ['stats', String(pid), '--json', '--watch', '0.1', '--timeout', '0.1'],
      directory,
      2,
    );
    for (const line of seen) expect(json<ErrorReport>({ stdout: line }).error.code).toBe('MEMTOOL_TIMEOUT');
    child.child.kill('SIGINT');
    expect(await child.outcome).toMatchObject({ stderr: '', exitCode: 130 });
  });

  test('ends when the process it watches does', async () => {
    const directory = freshDirectory();
    const agent = await startAgent('calm', directory);
    const { child } = await lines(['stats', String(agent.pid), '--json', '--watch', '0.1'], directory, 1);
    agent.kill('SIGKILL');
    const { stdout, stderr, exitCode } = await child.outcome;
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 2 });
    const last = json<ErrorReport>({ stdout: stdout.trimEnd().split('\n').at(-1) ?? '' });
    expect(last.error.code).toBe('MEMTOOL_TARGET_GONE');
  });
});
