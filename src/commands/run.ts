import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { MemtoolError } from '../errors.ts';

/** A terminal sends SIGINT to the whole foreground group, so the child has it already. */
const FORWARDED: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];

/**
 * `memtool run [-- node args] app.js [args]`: the program with an agent, on our own terminal.
 *
 * @param commandLine - What follows `node`: its own options, the script and its arguments.
 * @returns What the program exited with; 128 + signal when one ended it.
 */
export function run(commandLine: string[]): Promise<number> {
  // Of the bundle: every chunk lies beside agent.js.
  const agent = new URL('./agent.js', import.meta.url).href;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', agent, ...commandLine], { stdio: 'inherit' });
    for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
    // We must outlive the child to tell its exit code. Without a terminal SIGINT was sent to us alone.
    const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    process.on('SIGINT', () => {
      if (!onTerminal) child.kill('SIGINT');
    });
    child.once('error', (cause) =>
      reject(
        new MemtoolError('MEMTOOL_CHILD_FAILED', `${process.execPath} could not be started: ${cause.message}.`, {
          hint: 'Check that this Node.js is still installed where it was.',
          cause,
        }),
      ),
    );
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
