import { startProgram } from './program.ts';

/**
 * `memtool run [-- node args] app.js [args]`: the program with an agent, on our own terminal.
 *
 * @param commandLine - What follows `node`: its own options, the script and its arguments.
 * @returns What the program exited with; 128 + signal when one ended it.
 */
export function run(commandLine: string[]): Promise<number> {
  return startProgram(commandLine).exited;
}
