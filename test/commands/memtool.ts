/** Real processes for the tests of the command line: the built `bin`, and programs to look at. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const BIN: string = fileURLToPath(new URL('../../bin/memtool.js', import.meta.url));

export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number | null;
}

/** A socket directory of the test's own, so that no other process is seen. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function environment(directory: string, extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _, NO_COLOR: __, COLUMNS: ___, ...rest } = process.env;
  return { ...rest, MEMTOOL_DIR: directory, ...extra };
}

/** Starts `memtool`; its output is collected from the first byte. */
export function start(
  words: string[],
  directory: string,
  extra: Record<string, string> = {},
): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [BIN, ...words], {
    env: environment(directory, extra),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const outcome: Outcome = { stdout: '', stderr: '', exitCode: null };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (outcome.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (outcome.stderr += text));
  const closed = new Promise<Outcome>((resolve) => {
    child.once('close', (exitCode) => resolve({ ...outcome, exitCode }));
  });
  return { child, outcome: closed };
}

export function memtool(words: string[], directory: string, extra: Record<string, string> = {}): Promise<Outcome> {
  return start(words, directory, extra).outcome;
}

/** The one JSON object on stdout, taken for the report that the test then looks into. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it says what is expected, as an assertion would
export function json<Report>({ stdout }: Pick<Outcome, 'stdout'>): Report {
  return JSON.parse(stdout);
}

/** What the program prints next. */
export async function nextOutput({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('its output is not piped');
  const [text] = await once(stdout, 'data');
  return String(text);
}

/** A program that prints `ready` when it can be looked at. */
export async function startProgram(words: string[], directory: string): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, words, { env: environment(directory), stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  if (child.pid === undefined) throw new Error(`${words.join(' ')} did not start`);
  return Object.assign(child, { pid: child.pid });
}

/** A process with a stand-in for the agent; see test/fixtures/agent.js for how it can behave. */
export function startAgent(
  behaviour: string,
  directory: string,
  name: string = 'orders-api',
): Promise<ChildProcess & { pid: number }> {
  return startProgram([fileURLToPath(new URL('../fixtures/agent.js', import.meta.url)), behaviour, name], directory);
}
