/** A verb as help, completion and the man page tell of it. */

/** The sections of the help, in its order. */
export const GROUPS = ['verbs', 'closer', 'time', 'after', 'elsewhere', 'setup'] as const;
export type Group = (typeof GROUPS)[number];

export const GROUP_TITLES: Record<Group, string> = {
  verbs: 'The four verbs, the same for every process:',
  closer: 'Look closer:',
  time: 'Over time, and in CI:',
  after: 'After the fact:',
  elsewhere: 'In Prometheus and Grafana:',
  setup: 'Set up:',
};

/** What can be completed: `target` is a process, of which `agent` has an agent and `bare` none; `ended` has left a black box. */
export type Completes = 'target' | 'agent' | 'bare' | 'ended' | 'file' | 'pool' | readonly string[];

export type VerbOption = readonly [flags: string, description: string, completes?: Completes];

export interface Verb {
  name: string;
  group: Group;
  operands: string;
  /** In place of what follows from the name of its first operand. */
  completes?: Completes;
  summary: string;
  /** The first is shown by `memtool --help` below each of the four verbs. */
  examples: string[];
  options: readonly VerbOption[];
  /** What one should know before typing it. */
  note?: string;
  /** `--watch` makes no sense for what starts a program. */
  watchable: boolean;
  /** What follows the first operand belongs to another program. */
  startsProgram?: boolean;
  /** In place of what follows from its operands. */
  usage?: string;
}

export const JSON_OPTION: VerbOption = ['--json', 'print one JSON object, and nothing on stderr'];
export const WATCH_OPTION: VerbOption = ['--watch [seconds]', 'look again every so often (default: 2)'];
export const TIMEOUT_OPTION: VerbOption = ['--timeout <seconds>', 'how long to wait for each process (default: 5)'];
export const COLOR_OPTION: VerbOption = ['--no-color', 'no colours, as with NO_COLOR'];
export const HELP_OPTION: VerbOption = ['-h, --help', 'show what there is'];
export const VERSION_OPTION: VerbOption = ['-V, --version', 'print the version'];

/** All options of a verb, those that every verb has last. */
export function optionsOf({ options, watchable }: Pick<Verb, 'options' | 'watchable'>): VerbOption[] {
  return [...options, ...commonOptions(watchable)];
}

export function commonOptions(watchable: boolean): VerbOption[] {
  return [JSON_OPTION, ...(watchable ? [WATCH_OPTION] : []), TIMEOUT_OPTION, COLOR_OPTION];
}

export function usageOf({ name, operands, usage, startsProgram }: Verb): string {
  if (usage !== undefined) return `${name} ${usage}`;
  if (startsProgram === true) return `${name} [options] [-- node options] app.js [arguments]`;
  return [name, operands, '[options]'].filter((part) => part !== '').join(' ');
}

/** What is known of an option from its flags: `-o, --output <file>`. */
export interface OptionShape {
  names: string[];
  /** `undefined` when it takes none. */
  value: string | undefined;
  isValueOptional: boolean;
}

export function shapeOf([flags]: VerbOption): OptionShape {
  // A value may have brackets of its own: `--listen <[host:]port>`.
  const needed = /<(.+)>$/.exec(flags)?.[1];
  const optional = /\[(.+)\]$/.exec(flags)?.[1];
  return {
    names: flags.match(/(?<![\w-])--?[A-Za-z][\w-]*/g) ?? [],
    value: needed ?? optional,
    isValueOptional: needed === undefined && optional !== undefined,
  };
}

/** What the value of an option can be; by its name, where the option does not say. */
export function valueOf(option: VerbOption): Completes | undefined {
  const { value } = shapeOf(option);
  return option[2] ?? (value === 'file' ? 'file' : undefined);
}

/** What the first operand can be. */
export function operandOf({ operands, completes }: Verb): Completes | undefined {
  if (completes !== undefined) return completes;
  const name = /[<[]([^>\].]+)/.exec(operands)?.[1];
  if (name === undefined) return undefined;
  if (name === 'target') return 'target';
  return name === 'pid' ? 'bare' : 'file';
}
