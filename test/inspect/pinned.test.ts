import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkCreatable, hasSocket, pinnedFailure, pinSocket } from '../../src/inspect/pinned.ts';
import type { Place } from '../../src/inspect/place.ts';
import { processStartTime } from '../../src/protocol.ts';
import { freshDirectory } from '../commands/memtool.ts';

const uid = process.getuid?.() ?? -1;
const life = { pid: process.pid, startTime: processStartTime('self') ?? '0' };
const NAME = '7-100.sock';

/** As of a process in a container whose files are ours by chance: no link is followed. */
function placeAt(directory: string): Place {
  return { directory, socketNames: [NAME], pidInside: 7, uid, isInView: false };
}

/** A directory for sockets with one in it that answers, however long its path is. */
async function socketDirectory(name: string): Promise<string> {
  const directory = join(freshDirectory(), name);
  mkdirSync(directory, { mode: 0o700 });
  const held = openSync(directory, 'r');
  onTestFinished(() => closeSync(held));
  const server = createServer((socket) => socket.end('answer')).listen(`/proc/self/fd/${held}/${NAME}`);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return directory;
}

const refused = expect.objectContaining({ code: 'MEMTOOL_SOCKET_DIRECTORY' });

test('a socket is reached though its path is longer than an address can be', async () => {
  const directory = await socketDirectory('x'.repeat(120));
  const socket = pinSocket(life, placeAt(directory));
  const client = connect(socket?.path ?? '');
  socket?.close();
  expect(String((await once(client, 'data'))[0])).toBe('answer');
  expect(socket?.name).toBe(NAME);
});

test('it is the one that was checked, though another has taken its name', async () => {
  const directory = await socketDirectory('s');
  const socket = pinSocket(life, placeAt(directory));
  execFileSync('mv', [directory, `${directory}-away`]);
  symlinkSync('/', directory);
  const client = connect(socket?.path ?? '');
  expect(String((await once(client, 'data'))[0])).toBe('answer');
  socket?.close();
});

test('nothing is held open afterwards', async () => {
  const directory = await socketDirectory('s');
  const before = readdirSync('/proc/self/fd').length;
  expect(hasSocket(life, placeAt(directory))).toBe(true);
  expect(hasSocket(life, placeAt(join(directory, 'none')))).toBe(false);
  expect(() => hasSocket(life, { ...placeAt(directory), uid: uid + 1 })).toThrow(refused);
  expect(pinnedFailure(life, placeAt(directory))).toBeUndefined();
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('a symbolic link is not followed: to the directory, on the way to it, or in place of the socket', async () => {
  const directory = await socketDirectory('s');
  const other = freshDirectory();
  symlinkSync(directory, join(other, 'to'));
  expect(() => hasSocket(life, placeAt(join(other, 'to')))).toThrow(refused);
  symlinkSync(join(directory, '..'), join(other, 'way'));
  expect(() => hasSocket(life, placeAt(join(other, 'way', 's')))).toThrow(refused);
  symlinkSync(join(directory, NAME), join(other, NAME));
  expect(() => hasSocket(life, placeAt(other))).toThrow(refused);
});

test('of a process of our own that sees what we see, links on the way are followed', async () => {
  const directory = await socketDirectory('s');
  const other = freshDirectory();
  symlinkSync(join(directory, '..'), join(other, 'way'));
  expect(hasSocket(life, { ...placeAt(join(other, 'way', 's')), isInView: true })).toBe(true);
  symlinkSync(directory, join(other, 'to'));
  expect(() => hasSocket(life, { ...placeAt(join(other, 'to')), isInView: true })).toThrow(refused);
});

test('what others own or may enter, and what is no socket, is refused', async () => {
  const directory = await socketDirectory('s');
  expect(() => hasSocket(life, { ...placeAt(directory), uid: uid + 1 })).toThrow(refused);
  chmodSync(directory, 0o755);
  expect(() => hasSocket(life, placeAt(directory))).toThrow(refused);
  const plain = freshDirectory();
  writeFileSync(join(plain, NAME), '');
  expect(() => hasSocket(life, placeAt(plain))).toThrow(refused);
});

test('another process with the same pid is not looked at', async () => {
  const directory = await socketDirectory('s');
  expect(hasSocket({ ...life, startTime: '1' }, placeAt(directory))).toBe(false);
});

test('why an agent failed is read, but neither through a link nor from a pipe that nobody writes to', () => {
  const directory = freshDirectory();
  const failure = JSON.stringify({ pid: 7, error: { code: 'MEMTOOL_AGENT_FAILED', message: 'No threads are left.' } });
  writeFileSync(join(directory, '7-100.failed'), failure);
  expect(pinnedFailure(life, placeAt(directory))).toBe('No threads are left.');
  const linked = freshDirectory();
  symlinkSync(join(directory, '7-100.failed'), join(linked, '7-100.failed'));
  expect(pinnedFailure(life, placeAt(linked))).toBeUndefined();
  const piped = freshDirectory();
  execFileSync('mkfifo', [join(piped, '7-100.failed')]);
  expect(pinnedFailure(life, placeAt(piped))).toBeUndefined();
});

test('that a directory cannot be made is known before anything is sent', () => {
  const place = placeAt('/none-of-this/memtool');
  expect(() => checkCreatable(life, { ...place, uid: 4_000_000 })).toThrow(refused);
  expect(() => checkCreatable(life, placeAt(join(freshDirectory(), 'memtool')))).not.toThrow();
});
