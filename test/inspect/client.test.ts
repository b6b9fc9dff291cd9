import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { askCleanup, askHealth, askLeaks, askStats } from '../../src/inspect/client.ts';
import { discover, type AgentTarget } from '../../src/inspect/discover.ts';
import { freshDirectory, startAgent } from '../commands/memtool.ts';

async function agentThat(behaviour: string): Promise<AgentTarget> {
  const directory = freshDirectory();
  await startAgent(behaviour, directory);
  return onlyOne(directory);
}

async function onlyOne(directory: string): Promise<AgentTarget> {
  const [target] = await discover(directory);
  if (!target) throw new Error('the agent was not found');
  return target;
}

describe('an agent that answers', () => {
  test('gives its reports', async () => {
    const target = await agentThat('busy');
    expect(await askHealth(target, 5000)).toMatchObject({ pid: target.pid, managers: ['orders-api'] });
    expect((await askStats(target, 5000)).pools.map(({ name }) => name)).toEqual(['query', 'cache', 'temp']);
  });

  test('is asked for the age that was asked for', async () => {
    const target = await agentThat('busy');
    expect(await askLeaks(target, 5000, 2.5)).toMatchObject({ askedAge: '2.5' });
  });

  test('gets the whole cleanup request, and less time than we wait', async () => {
    const target = await agentThat('calm');
    const request = { ageSeconds: 7, pool: 'temp', gc: true, dryRun: true, force: true };
    expect(await askCleanup(target, 5000, request)).toMatchObject({ request: { ...request, timeoutMs: 4000 } });
  });

  test('may refuse with an error of its own', async () => {
    const target = await agentThat('refusing');
    await expect(askStats(target, 5000)).rejects.toMatchObject({
      code: 'MEMTOOL_BUSY',
      message: 'The application is in a long call.',
      hint: 'Try again in a moment.',
    });
  });
});

describe('an answer that cannot be used is MEMTOOL_BAD_ANSWER', () => {
  test.each([
    ['garbage', 'it is not HTTP'],
    ['endless', 'it is over 64 MiB'],
    ['not-json', 'it is not JSON'],
    ['other-pid', 'it is about process 1'],
    ['no-lists', 'it is not the report that was asked for'],
    ['failing', 'it has the status 500 and no reason'],
    ['cut-off', 'the connection ended before it was complete'],
  ])('%s: %s', async (behaviour, problem) => {
    const target = await agentThat(behaviour);
    await expect(askStats(target, 10_000)).rejects.toMatchObject({
      code: 'MEMTOOL_BAD_ANSWER',
      message: expect.stringContaining(problem),
    });
  });
});

describe('an agent that does not answer', () => {
  test.each(['hung', 'dripping'])('%s: MEMTOOL_TIMEOUT', async (behaviour) => {
    const target = await agentThat(behaviour);
    await expect(askStats(target, 300)).rejects.toMatchObject({ code: 'MEMTOOL_TIMEOUT' });
  });

  test('a process that dies in the middle of its answer: MEMTOOL_TARGET_GONE', async () => {
    const target = await agentThat('dying');
    await expect(askStats(target, 5000)).rejects.toMatchObject({ code: 'MEMTOOL_TARGET_GONE' });
  });

  test('a process that died before it was asked: MEMTOOL_TARGET_GONE', async () => {
    const directory = freshDirectory();
    const child = await startAgent('calm', directory);
    const target = await onlyOne(directory);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect(askStats(target, 5000)).rejects.toMatchObject({ code: 'MEMTOOL_TARGET_GONE' });
  });
});
