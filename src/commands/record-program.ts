import { existsSync } from 'node:fs';
import { MemtoolError } from '../errors.ts';
import { isNodeExecutable, nameOf } from '../inspect/command-line.ts';

/** A Node.js program as it was typed after two dashes. */
export interface ProgramLine {
  executable: string;
  /** What follows the executable. */
  commandLine: string[];
  /** What a recording of it is called, every time that it is started. */
  name: string;
}

/**
 * Reads `node [node options] app.js [arguments]`; without `node`, it is the one that memtool runs on.
 *
 * @throws MemtoolError `MEMTOOL_USAGE` for what is no Node.js program
 */
export function readProgramLine(words: string[]): ProgramLine {
  const [first] = words;
  if (first === undefined) {
    throw new MemtoolError('MEMTOOL_USAGE', 'No program follows the two dashes.', {
      hint: 'For example: memtool record -o run.jsonl -- node app.js',
    });
  }
  const isNode = isNodeExecutable(first);
  if (!isNode && !first.startsWith('-') && !existsSync(first)) {
    throw new MemtoolError(
      'MEMTOOL_USAGE',
      `${first} is neither node nor a script that is here: record starts Node.js programs.`,
      { hint: `Start it with NODE_OPTIONS='--import memtool/agent', and record it by its name or pid.` },
    );
  }
  const commandLine = isNode ? words.slice(1) : words;
  return { executable: isNode ? first : process.execPath, commandLine, name: nameOf(['node', ...commandLine]) };
}
