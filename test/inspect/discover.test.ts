import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { discover } from '../../src/inspect/discover.ts';
import { processStartTime, socketName } from '../../src/protocol.ts';
import { freshDirectory, startAgent } from '../commands/memtool.ts';

test('a directory that does not exist holds nothing', async () => {
  expect(await discover(join(freshDirectory(), 'none'))).toEqual([]);
});

test('processes with an agent are found by pid and named after their script', async () => {
  const directory = freshDirectory();
  const child = await startAgent('calm', directory);
  expect(await discover(directory)).toEqual([
    {
      pid: child.pid,
      startTime: processStartTime(child.pid),
      name: 'agent.js',
      path: expect.stringContaining(`/${child.pid}-`),
    },
  ]);
});

test('the socket of a process that was killed is removed', async () => {
  const directory = freshDirectory();
  const child = await startAgent('calm', directory);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(readdirSync(directory)).toHaveLength(1);
  expect(await discover(directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual([]);
});

test('the socket of a zombie is removed: it has a pid and its start time, and lives no more', async () => {
  const directory = freshDirectory();
  // A shell that waits for nothing, so that its killed child stays a zombie.
  const script = new URL('../fixtures/agent.js', import.meta.url).pathname;
  const shell = spawn('sh', ['-c', `'${process.execPath}' '${script}' calm & echo $!; exec sleep 60`], {
    env: { ...process.env, MEMTOOL_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void shell.kill('SIGKILL'));
  let output = '';
  while (!output.includes('ready')) output += String((await once(shell.stdout, 'data'))[0]);
  process.kill(Number.parseInt(output, 10), 'SIGKILL');
  // Its main thread may be a zombie a moment before the thread that listens is gone: the next look finds it.
  await expect.poll(async () => [...(await discover(directory)), ...readdirSync(directory)]).toEqual([]);
});

test('a reused pid is not mistaken: a socket with another start time is removed', async () => {
  const directory = freshDirectory();
  const child = await startAgent('calm', directory);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const stale = join(directory, socketName(process.pid, '1'));
  renameSync(join(directory, readdirSync(directory)[0] ?? ''), stale);
  expect(await discover(directory)).toEqual([]);
  expect(existsSync(stale)).toBe(false);
});

test('a socket on which somebody listens is left alone, though its process is not in our /proc', async () => {
  const directory = freshDirectory();
  const path = join(directory, socketName(process.pid, '1'));
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  expect(await discover(directory)).toEqual([]);
  expect(existsSync(path)).toBe(true);
});

test('what is no socket of ours is left alone', async () => {
  const directory = freshDirectory();
  mkdirSync(join(directory, 'notes'));
  expect(await discover(directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual(['notes']);
});

test('a directory that others may enter is refused', async () => {
  const directory = freshDirectory();
  chmodSync(directory, 0o755);
  await expect(discover(directory)).rejects.toMatchObject({ code: 'MEMTOOL_SOCKET_DIRECTORY' });
});

test('a symbolic link instead of a directory is refused', async () => {
  const directory = freshDirectory();
  symlinkSync(directory, join(directory, 'link'));
  await expect(discover(join(directory, 'link'))).rejects.toMatchObject({ code: 'MEMTOOL_SOCKET_DIRECTORY' });
});
