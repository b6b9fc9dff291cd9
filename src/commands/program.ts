import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { MemtoolError } from '../errors.ts';
import { noteEnding } from '../inspect/last/note-ending.ts';
import { processStartTime, socketDirectory } from '../protocol.ts';

/** A terminal sends SIGINT to the whole foreground group, so the child has it already. */
const FORWARDED: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];

export interface StartedProgram {
  /** `undefined` when it could not be started. */
  pid: number | undefined;
  /** What it exited with; 128 + signal when one ended it. Rejects when it could not be started. */
  exited: Promise<number>;
}

/**
 * Starts a Node.js program with an agent in it, on our own terminal, and passes on to it what would end us.
 *
 * @param commandLine - What follows `node`: its own options, the script and its arguments.
 */
export function startProgram(commandLine: string[], executable: string = process.execPath): StartedProgram {
  // Of the bundle: every chunk lies beside agent.js.
  const agent = new URL('./agent.js', import.meta.url).href;
  const child = spawn(executable, ['--import', agent, ...commandLine], { stdio: 'inherit' });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  // We must outlive the child to tell its exit code. Without a terminal SIGINT was sent to us alone.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', () => {
    if (!onTerminal) child.kill('SIGINT');
  });
  return { pid: child.pid, exited: exitOf(child, executable) };
}

function exitOf(child: ChildProcess, executable: string): Promise<number> {
  const { pid = 0 } = child;
  const startTime = processStartTime(pid);
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new MemtoolError('MEMTOOL_CHILD_FAILED', `${executable} could not be started: ${cause.message}.`, {
          hint: 'Check that this Node.js is still installed where it was.',
          cause,
        }),
      ),
    );
    child.once('exit', (code, signal) => {
      // Nobody else is told which signal it was.
      noteEnding(socketDirectory(), { pid, startTime }, { code, signal });
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
