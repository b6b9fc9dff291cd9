import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { parseRecordingLine, type RecordingEvent, type RecordingHeader } from '../../src/recording/format.ts';
import { isFailure, type ErrorReport } from '../../src/report/document.ts';
import type { ProcessRecording, RecordReport } from '../../src/report/recording.ts';
import { BIN, environment, freshDirectory, json, memtool, start, startProgram, type Outcome } from './memtool.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const GROWING = `${FIXTURES}growing.js`;
const FAST = ['--interval', '100ms'];
const PATIENCE = { timeout: 20_000, interval: 50 };

interface Read {
  header: RecordingHeader | undefined;
  rows: Record<string, number | null>[];
  events: RecordingEvent[];
  broken: number;
}

/** The file as it is now: whole lines, and at most one that is being written. */
function read(path: string): Read {
  const found: Read = { header: undefined, rows: [], events: [], broken: 0 };
  if (!existsSync(path)) return found;
  let columns: string[] = [];
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (text === '') continue;
    const line = parseRecordingLine(text);
    if (line.kind === 'header') found.header = line.header;
    if (line.kind === 'columns') ({ columns } = line);
    if (line.kind === 'event') found.events.push(line.event);
    if (line.kind === 'broken') found.broken += 1;
    if (line.kind === 'sample') {
      const { sample } = line;
      found.rows.push(Object.fromEntries(columns.map((column, index) => [column, sample[index] ?? null])));
    }
  }
  return found;
}

async function hasRows(path: string, count: number): Promise<void> {
  await expect.poll(() => read(path).rows.length, PATIENCE).toBeGreaterThanOrEqual(count);
}

/** With its agent, which is there a moment after the program. */
async function startGrowing(directory: string): Promise<ChildProcess & { pid: number }> {
  const child = await startProgram([GROWING], directory);
  const hasSocket = (): boolean =>
    readdirSync(directory).some((name) => name.startsWith(`${child.pid}-`) && name.endsWith('.sock'));
  await expect.poll(hasSocket, PATIENCE).toBe(true);
  return child;
}

function recorded(outcome: Pick<Outcome, 'stdout'>): ProcessRecording {
  const [found] = json<RecordReport>({ stdout: outcome.stdout.trimEnd().split('\n').at(-1) ?? '' }).processes;
  if (found === undefined || isFailure(found)) throw new Error('nothing was recorded');
  return found;
}

function error(outcome: Outcome): ErrorReport['error'] {
  expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
  return json<ErrorReport>(outcome).error;
}

test('a process with an agent: pools, scopes, heap, collections and what the kernel says, for as long as was asked', async () => {
  const directory = freshDirectory();
  const { pid } = await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const outcome = await memtool(['record', 'growing', ...FAST, '--for', '3s', '-o', file, '--json'], directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  const { header, rows, events, broken } = read(file);
  expect(header).toMatchObject({ memtoolRecording: 1, name: 'growing', pid, intervalMs: 100 });
  expect({ events, broken }).toEqual({ events: [], broken: 0 });
  expect(recorded(outcome)).toMatchObject({ pid, file, format: 'jsonl', end: 'duration', samples: rows.length });
  const [first, last] = [rows[0], rows.at(-1)];
  for (const column of ['rss', 'pss', 'vsz', 'heapUsed', 'heapLimit', 'external', 'arrayBuffers', 'threads', 'fds']) {
    expect(first?.[column], column).toBeGreaterThan(0);
  }
  expect(last).toMatchObject({ pss: null, 'scopes.count': 2, 'scopes.used': 5000, 'pool:growing/query.used': 5000 });
  expect(last?.['pool:growing/cache.used']).toBeGreaterThan(first?.['pool:growing/cache.used'] ?? NaN);
  expect(last?.['pool:growing/cache.used']).toBe((last?.['pool:growing/cache.live'] ?? NaN) * 1024);
  expect(last?.['pool:growing/cache.limit']).toBe(100 * 1024 * 1024);
  // It makes garbage all the time.
  expect(last?.['gcCount']).toBeGreaterThan(0);
  expect(last?.['gcPauseMs']).toBeGreaterThan(0);
  expect(last?.['gcFullCount']).toBeLessThanOrEqual(last?.['gcCount'] ?? NaN);
  const times = rows.map(({ t }) => t ?? NaN);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('Ctrl-C ends it with what was recorded and what to type next', async () => {
  const directory = freshDirectory();
  const { pid } = await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const { child, outcome } = start(['record', String(pid), ...FAST, '-o', file], directory);
  await hasRows(file, 3);
  child.kill('SIGINT');
  const { stdout, exitCode } = await outcome;
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`Recorded growing (${pid}) for `);
  expect(stdout).toMatch(/pool growing\/cache +\d/);
  expect(stdout).toContain(`\`memtool report ${file}\``);
  expect(read(file)).toMatchObject({ events: [], broken: 0 });
});

test('kill -9 in the middle loses nothing that was written; the same command goes on', async () => {
  const directory = freshDirectory();
  const { pid } = await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const words = ['record', 'growing', ...FAST, '-o', file];
  const { child } = start(words, directory);
  await hasRows(file, 4);
  child.kill('SIGKILL');
  await once(child, 'close');
  const before = read(file);
  expect(before.broken).toBe(0);
  // As if it had been killed in the middle of a line.
  const whole = readFileSync(file, 'utf8');
  writeFileSync(file, `${whole}[99999,12`);
  const outcome = await memtool([...words, '--for', '500ms', '--json'], directory);
  expect(recorded(outcome)).toMatchObject({ resumed: true, restarts: 0, end: 'duration' });
  expect(readFileSync(file, 'utf8').startsWith(whole)).toBe(true);
  const { header, rows, events, broken } = read(file);
  expect(broken).toBe(0);
  expect(header).toMatchObject({ pid });
  expect(rows.length).toBeGreaterThan(before.rows.length);
  const lastT = before.rows.at(-1)?.['t'];
  expect(events).toEqual([{ event: 'gap', t: lastT, untilT: expect.any(Number), reason: expect.any(String) }]);
  expect(rows.at(-1)?.['t']).toBeGreaterThan(lastT ?? NaN);
});

test('by its name, a target that is started again is recorded again', async () => {
  const directory = freshDirectory();
  const first = await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const { child, outcome } = start(['record', 'growing', ...FAST, '-o', file, '--json'], directory);
  await hasRows(file, 2);
  first.kill('SIGKILL');
  await expect.poll(() => read(file).events, PATIENCE).toMatchObject([{ event: 'gone' }]);
  const rowsBefore = read(file).rows.length;
  const second = await startGrowing(directory);
  await hasRows(file, rowsBefore + 2);
  child.kill('SIGTERM');
  expect(recorded(await outcome)).toMatchObject({ pid: second.pid, restarts: 1, end: 'interrupted' });
  const { events, rows, header } = read(file);
  expect(events).toMatchObject([{ event: 'gone' }, { event: 'restart', pid: second.pid }]);
  expect(header).toMatchObject({ pid: first.pid });
  // The second one's pool begins anew.
  expect(rows.at(-1)?.['pool:growing/cache.used']).toBeGreaterThan(0);
});

test('a target that was started again while nobody recorded is noted when the recording goes on', async () => {
  const directory = freshDirectory();
  const file = join(directory, 'run.jsonl');
  const words = ['record', 'growing', ...FAST, '--for', '300ms', '-o', file];
  const first = await startGrowing(directory);
  await memtool(words, directory);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = await startGrowing(directory);
  await memtool(words, directory);
  expect(read(file).events).toMatchObject([{ event: 'gap' }, { event: 'restart', pid: second.pid }]);
});

test('by its pid, the recording ends with the target, and says so', async () => {
  const directory = freshDirectory();
  const target = await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const { outcome } = start(['record', String(target.pid), ...FAST, '-o', file], directory);
  await hasRows(file, 2);
  target.kill('SIGKILL');
  expect(await outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('The process has ended') });
  expect(read(file).events).toMatchObject([{ event: 'gone' }]);
});

test('a program that is started is recorded until it ends, and its exit code is ours', async () => {
  const directory = freshDirectory();
  const file = join(directory, 'run.jsonl');
  const words = ['record', ...FAST, '-o', file, '--json', '--', 'node', GROWING, '7', '1500'];
  const outcome = await memtool(words, directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 7, stdout: expect.stringMatching(/^ready\n\{/) });
  expect(recorded(outcome)).toMatchObject({ name: 'growing.js', exitCode: 7, end: 'exited' });
  const { header, rows, events } = read(file);
  expect(header).toMatchObject({ name: 'growing.js' });
  expect(events).toMatchObject([{ event: 'gone' }]);
  expect(rows.at(-1)?.['pool:growing/cache.used']).toBeGreaterThan(0);
  // A second run goes on in the same file, and its summary is on stderr.
  const again = await memtool(['record', ...FAST, '-o', file, '--', GROWING, '0', '600'], directory);
  expect(again).toMatchObject({ stdout: 'ready\n', exitCode: 0, stderr: expect.stringContaining('memtool report') });
  expect(read(file).events).toMatchObject([
    { event: 'gone' },
    { event: 'gap' },
    { event: 'restart' },
    { event: 'gone' },
  ]);
});

test('a program ends with its signal, also when it ends before its first sample', async () => {
  const directory = freshDirectory();
  const file = join(directory, 'run.jsonl');
  const words = ['record', '-o', file, '--json', '--', 'node', `${FIXTURES}exits.js`, 'signal', 'SIGKILL'];
  const outcome = await memtool(words, directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 137 });
  expect(recorded(outcome)).toMatchObject({ exitCode: 137, end: 'exited' });
});

test('a file that can take no more ends the recording, and not the program', async () => {
  const directory = freshDirectory();
  const file = join(directory, 'run.jsonl');
  const words = [BIN, 'record', ...FAST, '-o', file, '--', GROWING, '7', '4000'].map((word) => `'${word}'`);
  // In units of 1,024 bytes; what is beyond is refused as on a full disk.
  const command = `ulimit -f 1; exec '${process.execPath}' ${words.join(' ')}`;
  const child = spawn('bash', ['-c', command], {
    env: environment(directory, { NODE_DISABLE_COMPILE_CACHE: '1' }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [exitCode] = await once(child, 'close');
  expect(exitCode).toBe(7);
  expect(stderr).toContain('cannot be written');
  expect(stderr).toContain('give the same command again');
  // Nothing of the line that did not fit is left.
  const { rows, broken } = read(file);
  expect(broken).toBe(0);
  expect(readFileSync(file, 'utf8')).toMatch(/\n$/);
  expect(rows.length).toBeGreaterThan(0);
});

test('without an agent it records what the system says, and why there is no more', async () => {
  const directory = freshDirectory();
  const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void sleeper.kill('SIGKILL'));
  const file = join(directory, 'run.csv');
  const words = ['record', String(sleeper.pid), ...FAST, '--for', '1s', '--format', 'csv', '-o', file];
  const outcome = await memtool(words, directory);
  expect(outcome).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('what the system knows') });
  expect(outcome.stdout).toContain('All samples without an agent');
  const [names = '', ...rows] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const columns = names.split(',');
  expect(columns.slice(0, 6)).toEqual(['time', 'name', 'pid', 't', 'rss', 'pss']);
  expect(rows.length).toBeGreaterThan(1);
  for (const row of rows) {
    const fields = row.split(',');
    expect(fields).toHaveLength(columns.length);
    expect(fields.slice(1, 3)).toEqual(['sleep', String(sleeper.pid)]);
    expect(Number(fields[columns.indexOf('rss')])).toBeGreaterThan(0);
    expect(fields[columns.indexOf('heapUsed')]).toBe('');
  }
});

test('what cannot be recorded to is refused, with what to do', async () => {
  const directory = freshDirectory();
  await startGrowing(directory);
  const file = join(directory, 'notes.txt');
  writeFileSync(file, 'my notes\n');
  const record = (...words: string[]): Promise<Outcome> => memtool(['record', '--json', ...words], directory);
  expect(error(await record('growing', '-o', file))).toMatchObject({
    code: 'MEMTOOL_FILE_EXISTS',
    hint: expect.any(String),
  });
  expect(readFileSync(file, 'utf8')).toBe('my notes\n');
  expect(error(await record('-o', file, '--', 'node', GROWING))).toMatchObject({ code: 'MEMTOOL_FILE_EXISTS' });
  expect(error(await record('growing', '-o', join(directory, 'no', 'run.jsonl')))).toMatchObject({
    code: 'MEMTOOL_CANNOT_WRITE',
    hint: expect.any(String),
  });
  expect(error(await record('growing', '-o', '/dev/null'))).toMatchObject({ code: 'MEMTOOL_CANNOT_WRITE' });
  expect(error(await record('growing', '-o', '-'))).toMatchObject({ code: 'MEMTOOL_USAGE' });
  expect(error(await record('growing', '--format', 'xml'))).toMatchObject({ code: 'MEMTOOL_INVALID_OPTION' });
  expect(error(await record('growing', '--interval', '1ms'))).toMatchObject({ code: 'MEMTOOL_INVALID_OPTION' });
  expect(error(await record('growing', '--', 'node', GROWING))).toMatchObject({ code: 'MEMTOOL_USAGE' });
  expect(error(await record('--', 'npm', 'start'))).toMatchObject({ code: 'MEMTOOL_USAGE' });
  expect(error(await record('--'))).toMatchObject({ code: 'MEMTOOL_USAGE' });
  await startGrowing(directory);
  expect(error(await record('growing'))).toMatchObject({ code: 'MEMTOOL_SEVERAL_PROCESSES' });
});

test('a second recorder of the same file is refused, and the first goes on', async () => {
  const directory = freshDirectory();
  await startGrowing(directory);
  const file = join(directory, 'run.jsonl');
  const words = ['record', 'growing', ...FAST, '-o', file, '--json'];
  const { child, outcome } = start(words, directory);
  await hasRows(file, 1);
  expect(error(await memtool(words, directory))).toMatchObject({ code: 'MEMTOOL_BUSY' });
  await hasRows(file, read(file).rows.length + 2);
  child.kill('SIGINT');
  expect(await outcome).toMatchObject({ exitCode: 0 });
});
