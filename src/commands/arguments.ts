/** A first look at the command line, before commander's. */

export interface ScannedArguments {
  /** The same words, with a value for every option that may be given without. */
  words: string[];
  /** The first operand, whatever it is. */
  command: string | undefined;
  /** Needed to report errors in the form that was asked for, even those of the command line itself. */
  json: boolean;
  color: boolean;
  /** What follows two dashes, for a command that takes a target or a program: only the dashes tell which it is. */
  program: string[] | undefined;
}

const OPTIONS_WITH_VALUE = new Set([
  '--timeout',
  '--age',
  '--pool',
  '--seconds',
  '--sort',
  '--format',
  '--output',
  '-o',
  '--max-pause',
  '--container',
  '--heap',
  '--markdown',
  '--runs',
  '--for',
  '--interval',
  '--max-size',
  '--html',
  '--listen',
]);

const TAKES_PROGRAM = new Set(['record']);

/** Options that may be given without a value: what can be one, and what is meant without. */
const OPTIONS_WITH_DEFAULT: ReadonlyMap<string, { value: RegExp; otherwise: string }> = new Map([
  ['--watch', { value: /^\d+(\.\d+)?(ms|s|m|h|d)?$/, otherwise: '2' }],
  ['--scopes', { value: /^\d+$/, otherwise: '10' }],
  // A pid is the target.
  ['--retainers', { value: /^(?!\d+$)[^-]/, otherwise: '' }],
]);

/**
 * commander gives an optional value whatever word comes next: `--watch orders-api` would lose its target and
 * `--watch stats` its command. Only what can be a value is taken here. What `run` starts has options of its own: its words are left alone.
 */
export function scanArguments(typed: string[]): ScannedArguments {
  const scanned: ScannedArguments = { words: [], command: undefined, json: false, color: true, program: undefined };
  for (let index = 0; index < typed.length; index += 1) {
    const word = typed[index] ?? '';
    const isOperand = !word.startsWith('-');
    if (word === '--' && scanned.command !== undefined && TAKES_PROGRAM.has(scanned.command)) {
      scanned.program = typed.slice(index + 1);
      return scanned;
    }
    if (word === '--' || (isOperand && scanned.command === 'run')) {
      scanned.words.push(...typed.slice(index));
      return scanned;
    }
    if (isOperand) scanned.command ??= word;
    if (word === '--json') scanned.json = true;
    if (word === '--no-color') scanned.color = false;
    const next = typed[index + 1];
    const optional = OPTIONS_WITH_DEFAULT.get(word);
    if (optional) {
      const takesNext = next !== undefined && optional.value.test(next);
      scanned.words.push(`${word}=${takesNext ? next : optional.otherwise}`);
      if (takesNext) index += 1;
    } else if (OPTIONS_WITH_VALUE.has(word) && next !== undefined) {
      scanned.words.push(word, next);
      index += 1;
    } else {
      scanned.words.push(word);
    }
  }
  return scanned;
}
