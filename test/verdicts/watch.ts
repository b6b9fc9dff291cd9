import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isFailure } from '../../src/report/document.ts';
import type { Leak, LeaksReport } from '../../src/report/leaks.ts';
import { BIN, environment } from '../commands/memtool.ts';

/** The programs hold memory at a pace that a watch as short as this can judge, with an interval and an age to match. */
const MIDDLE_MS = 15_000;
const END_MS = 30_000;
const AGE = '10s';
const SAMPLE_BYTES = 32 * 1024;
const TIMEOUT_SECONDS = 20;
/** On a busy machine the biggest of the heaps takes longer to read than `leaks` allows unasked. */
const MAX_PAUSE = '5s';
/** A reading that took long is not repeated soon, and answers are given from it: the answer at the end is asked for again. */
const AGAIN_MS = 3000;
const LAST_MS = 75_000;

const AGENT = new URL('../../dist/agent.js', import.meta.url).href;

/** Runs a program of test/fixtures/truth with the agent and asks for its leaks, in the middle and at the end. */
export async function watch(file: string, ...words: string[]): Promise<Leak[][]> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-verdicts-'));
  const program = fileURLToPath(new URL(`../fixtures/truth/${file}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', AGENT, program, ...words], {
    env: environment(directory, { MEMTOOL_SAMPLE_BYTES: String(SAMPLE_BYTES) }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  try {
    await Promise.race([once(child.stdout, 'data'), ended]);
    const startedMs = performance.now();
    const until = (ms: number): Promise<void> => sleep(startedMs + ms - performance.now());
    const pid = String(child.pid);
    await until(MIDDLE_MS);
    const middle = await ask(pid, directory);
    await until(END_MS);
    let end = await ask(pid, directory);
    for (let ms = END_MS + AGAIN_MS; end.readAt === middle.readAt && ms < LAST_MS; ms += AGAIN_MS) {
      await until(ms);
      end = await ask(pid, directory);
    }
    return [middle.leaks, end.leaks];
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
}

async function ask(pid: string, directory: string): Promise<{ leaks: Leak[]; readAt: string }> {
  const limits = ['--max-pause', MAX_PAUSE, '--timeout', String(TIMEOUT_SECONDS)];
  const words = [BIN, 'leaks', pid, '--age', AGE, '--json', '--no-attach', ...limits];
  const child = spawn(process.execPath, words, { env: environment(directory), stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  await once(child, 'close');
  const { processes }: LeaksReport = JSON.parse(stdout);
  const [found] = processes;
  if (found === undefined || isFailure(found) || found.heap === undefined) {
    throw new Error(`memtool leaks ${pid} did not read its heap: ${stdout}`);
  }
  return { leaks: found.leaks, readAt: found.heap.readAt };
}
