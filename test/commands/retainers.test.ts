import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { LeaksReport, ProcessLeaks } from '../../src/report/leaks.ts';
import { environment, freshDirectory, json, memtool, start, type Outcome } from './memtool.ts';

const AGENT = new URL('../../dist/agent.js', import.meta.url).href;
const PROGRAM = fileURLToPath(new URL('../fixtures/retainers.js', import.meta.url));
const LIMIT_MS = 120_000;
const SEEN_MS_MAX = 60_000;

async function leaking(leak: string, directory: string): Promise<ChildProcess & { pid: number }> {
  // Once all of the loop is optimized, V8 on Node 20 now and then puts what it allocates down to functions of Node's own that
  // called it, here as in a reading: the place is then not found.
  const child = spawn(process.execPath, ['--no-opt', '--import', AGENT, PROGRAM, leak], {
    env: environment(directory, { MEMTOOL_SAMPLE_BYTES: '4096' }),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout) await once(child.stdout, 'data');
  if (child.pid === undefined) throw new Error('it did not start');
  return Object.assign(child, { pid: child.pid });
}

/** Until there is something of it to see. */
async function seen(pid: number, place: string, directory: string): Promise<void> {
  const untilMs = performance.now() + SEEN_MS_MAX;
  for (;;) {
    const outcome = await memtool(['leaks', String(pid), '--age', '100ms', '--json'], directory);
    const [found] = json<LeaksReport>(outcome).processes;
    const isSeen = (stack: string[]): boolean => stack.some((frame) => frame.startsWith(`${place} `));
    if (found && 'leaks' in found && found.leaks.some(({ stack }) => isSeen(stack))) return;
    if (performance.now() > untilMs) throw new Error(`${place} is not seen: ${outcome.stdout.slice(0, 4000)}`);
    await sleep(100);
  }
}

function retainersOf(outcome: Outcome): NonNullable<ProcessLeaks['retainers']> {
  const [found] = json<LeaksReport>(outcome).processes;
  if (!found || !('retainers' in found)) throw new Error(outcome.stdout);
  return found.retainers;
}

test.each([
  ['openSession', 'variable registry in retainers.js → sessions (Map) → entry'],
  ['subscribe', 'variable prices (EventEmitter) in retainers.js → _events → price (Array) → […] function'],
  ['remember', 'variable remembered (Array) in function remember of retainers.js → […]'],
  ['enqueue', 'variable queue (Array) in retainers.js → […]'],
  ['schedule', "Node's timers → […] TimersList → […] Timeout"],
  ['traced', "Node's timers → […] TimersList → […] Timeout"],
])('what %s makes is kept by %s', { timeout: LIMIT_MS }, async (place, path) => {
  const directory = freshDirectory();
  const { pid } = await leaking(place, directory);
  await seen(pid, place, directory);
  const words = ['leaks', String(pid), '--age', '100ms', '--retainers', place, '--yes', '--json'];
  const outcome = await memtool(words, directory);
  const retainers = retainersOf(outcome);
  expect(outcome.stderr).toBe('');
  expect(retainers.paths[0]?.path.join(' → ')).toContain(path);
  expect(retainers.survivors.count).toBeGreaterThan(20);
  expect(retainers.snapshotBytes).toBeGreaterThan(1e6);
});

test('says what it will cost and does nothing unless that is agreed to', { timeout: LIMIT_MS }, async () => {
  const directory = freshDirectory();
  const { pid } = await leaking('enqueue', directory);
  await seen(pid, 'enqueue', directory);
  const words = ['leaks', String(pid), '--age', '100ms', '--retainers', 'enqueue', '--json'];
  const unanswered = await memtool(words, directory);
  expect(unanswered.exitCode).toBe(2);
  expect(json<ErrorReport>(unanswered).error.code).toBe('MEMTOOL_NOT_CONFIRMED');
  const impatient = await memtool([...words, '--yes', '--max-pause', '900ms'], directory);
  expect(impatient.exitCode).toBe(2);
  expect(json<ErrorReport>(impatient).error.code).toBe('MEMTOOL_NO_ROOM');
  const nowhere = await memtool([...words.with(5, 'nothing of the kind'), '--yes'], directory);
  expect(json<ErrorReport>(nowhere).error.code).toBe('MEMTOOL_NO_PLACE');
});

test('a process that exits meanwhile exits as it would, and that is said', { timeout: LIMIT_MS }, async () => {
  const directory = freshDirectory();
  const child = await leaking('enqueue', directory);
  await seen(child.pid, 'enqueue', directory);
  const { child: command, outcome } = start(
    ['leaks', String(child.pid), '--age', '100ms', '--retainers', 'enqueue', '--yes'],
    directory,
  );
  await tracking(command);
  const exited = once(child, 'exit');
  child.send('exit');
  expect(await exited).toEqual([7, null]);
  const { exitCode, stderr } = await outcome;
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/the process is ending|ended before it had answered/);
  // Beside its black box: it did not exit cleanly.
  expect(readdirSync(directory).filter((name) => !name.endsWith('.last'))).toEqual([]);
});

test('Ctrl-C ends the tracking, and leaves nothing behind', { timeout: LIMIT_MS }, async () => {
  const directory = freshDirectory();
  const { pid } = await leaking('enqueue', directory);
  await seen(pid, 'enqueue', directory);
  const before = { files: readdirSync(directory), threads: threadsOf(pid) };
  const words = ['leaks', String(pid), '--age', '100ms', '--retainers', 'enqueue', '--yes'];
  const { child, outcome } = start(words, directory);
  await tracking(child);
  child.kill('SIGINT');
  expect((await outcome).exitCode).not.toBe(0);
  expect({ files: readdirSync(directory), threads: threadsOf(pid) }).toEqual(before);
  // Only one may track at a time: that it can be done again says that it has ended.
  const retainers = retainersOf(await memtool([...words, '--json'], directory));
  expect(retainers, JSON.stringify(retainers)).toMatchObject({ place: 'enqueue' });
  expect(retainers.survivors.count, JSON.stringify(retainers)).toBeGreaterThan(0);
});

/** Resolves when it says so, and also when it ends. */
function tracking({ stderr }: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let said = '';
    stderr?.on('data', (text: string) => {
      said += text;
      if (said.includes('Noting')) resolve();
    });
    stderr?.once('close', resolve);
  });
}

function threadsOf(pid: number): number {
  return Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}
