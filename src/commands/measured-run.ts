import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeasuredRun } from '../budget/check/measured.ts';
import type { RssSample } from '../budget/check/growth.ts';
import { MemtoolError } from '../errors.ts';
import { MEASUREMENT_VARIABLE, type Measurement } from '../protocol.ts';

const SAMPLE_INTERVAL_MS = 250;
/** Every second one goes when there are more: growth needs no more. */
const SAMPLES_MAX = 2400;
/** For a program that was asked to end. */
const GRACE_MS = 10_000;
const ERROR_CHARACTERS_MAX = 2000;
const INTERRUPTIONS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface RunRequest {
  /** Begins with `node`. */
  program: string[];
  /** For `{size}`, and MEMTOOL_SIZE. */
  size: string | undefined;
  /** When it is asked to end; `undefined` for a program that ends by itself. */
  endAfterMs: number | undefined;
}

/**
 * Runs a program with what measures it, and waits until it has ended.
 *
 * @throws MemtoolError `MEMTOOL_CHILD_FAILED`
 */
export async function measuredRun(request: RunRequest): Promise<MeasuredRun> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-check-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    const file = join(directory, 'measurement.json');
    const samples = await runToEnd(request, file);
    return { measurement: readMeasurement(file, request), samples };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

function runToEnd({ program, size, endAfterMs }: RunRequest, file: string): Promise<RssSample[]> {
  // Of the bundle: every chunk lies beside measure.js.
  const measure = new URL('./measure.js', import.meta.url).href;
  const [, ...words] = program.map((word) => (size === undefined ? word : word.replaceAll('{size}', size)));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', measure, ...words], {
      // What it prints must not be in what we print.
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        [MEASUREMENT_VARIABLE]: file,
        ...(size === undefined ? {} : { MEMTOOL_SIZE: size }),
      },
    });
    let samples: RssSample[] = [];
    let errors = '';
    const startedMs = performance.now();
    const sampler = setInterval(() => {
      const bytes = child.pid === undefined ? undefined : residentBytes(child.pid);
      if (bytes !== undefined) samples.push({ seconds: (performance.now() - startedMs) / 1000, bytes });
      if (samples.length > SAMPLES_MAX) samples = samples.filter((_, index) => index % 2 === 0);
    }, SAMPLE_INTERVAL_MS);
    const timers: NodeJS.Timeout[] = [];
    if (endAfterMs !== undefined) {
      timers.push(
        setTimeout(() => child.kill('SIGTERM'), endAfterMs),
        setTimeout(() => child.kill('SIGKILL'), endAfterMs + GRACE_MS),
      );
    }
    const stop = (): void => {
      clearInterval(sampler);
      for (const timer of timers) clearTimeout(timer);
      process.off('exit', kill);
      for (const signal of INTERRUPTIONS) process.off(signal, leave);
    };
    // An interrupted memtool leaves nothing running, and nothing behind.
    const kill = (): void => void child.kill('SIGKILL');
    process.on('exit', kill);
    for (const signal of INTERRUPTIONS) process.on(signal, leave);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-ERROR_CHARACTERS_MAX);
    });
    child.once('error', (cause) => {
      stop();
      reject(failure(program, `could not be started: ${cause.message}`, cause));
    });
    child.once('close', (code, signal) => {
      stop();
      if (code === 0) resolve(samples);
      else
        reject(
          failure(program, `${signal === null ? `exited with ${code}` : `was ended by ${signal}`}.\n${errors.trim()}`),
        );
    });
  });
}

function leave(signal: NodeJS.Signals): never {
  process.exit(128 + constants.signals[signal]);
}

/** @returns `undefined` where the system does not tell, and of a process that has ended. */
function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

function readMeasurement(file: string, { program }: RunRequest): Measurement {
  try {
    const measurement: Measurement = JSON.parse(readFileSync(file, 'utf8'));
    return measurement;
  } catch (cause) {
    throw failure(program, 'ended without a measurement', cause);
  }
}

function failure(program: string[], what: string, cause?: unknown): MemtoolError {
  return new MemtoolError('MEMTOOL_CHILD_FAILED', `\`${program.join(' ')}\` ${what}`.trim(), {
    hint: 'A budget is measured of a program that ends well; `--for 60s` ends one that would not.',
    cause,
  });
}
