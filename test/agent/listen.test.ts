import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Control } from '../../src/agent/control.ts';
import { listen } from '../../src/agent/listen.ts';
import { ask, freshDirectory } from './subject.ts';

const servers: Server[] = [];

function server(text: string): Server {
  const made = createServer((_request, response) => response.end(text));
  servers.push(made);
  return made;
}

afterEach(() => {
  for (const made of servers.splice(0)) made.close();
});

test('the name that is looked for is there only once connections are taken', async () => {
  const directory = freshDirectory();
  await listen(server('hello'), directory, '1-2.sock', new Control());
  expect(readdirSync(directory)).toEqual(['1-2.sock']);
  expect((await ask(join(directory, '1-2.sock'), '/')).body).toBe('hello');
});

test('a leftover of the same name is replaced', async () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, '1-2.sock'), '');
  writeFileSync(join(directory, '1-2.bind'), '');
  await listen(server('new'), directory, '1-2.sock', new Control());
  expect((await ask(join(directory, '1-2.sock'), '/')).body).toBe('new');
});

test('a socket on which somebody listens is left alone', async () => {
  const directory = freshDirectory();
  await listen(server('first'), directory, '1-2.sock', new Control());
  await expect(listen(server('second'), directory, '1-2.sock', new Control())).rejects.toThrow(
    'another process listens',
  );
  expect((await ask(join(directory, '1-2.sock'), '/')).body).toBe('first');
});

test('a process that is leaving makes no socket, and one that listens is told to remove it', async () => {
  const directory = freshDirectory();
  const leaving = new Control();
  expect(leaving.exit()).toBeUndefined();
  void listen(server('late'), directory, '1-2.sock', leaving);
  expect(existsSync(join(directory, '1-2.sock'))).toBe(false);
  const control = new Control();
  await listen(server('early'), directory, '1-2.sock', control);
  expect(control.exit()).toBe('socket');
});
