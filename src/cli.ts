import { Command, CommanderError } from 'commander';
import { scanArguments } from './commands/arguments.ts';
import { createContext, createStyle, EXIT_FAILURE, wantsColor, type CommonFlags } from './commands/context.ts';
import { DEFINITIONS, type Definition, type Flags } from './commands/definitions.ts';
import { packageVersion } from './commands/version.ts';
import { commonOptions, HELP_OPTION, VERSION_OPTION, type VerbOption } from './manual/verb.ts';
import { MemtoolError } from './errors.ts';

const scanned = scanArguments(process.argv.slice(2));
const chosen = DEFINITIONS.find(({ name }) => name === scanned.command);
const program = createProgram();
let exitCode = 0;

// Every command that is not built is a millisecond saved; without a known one all are, for the help and the suggestions.
for (const definition of chosen ? [chosen] : DEFINITIONS) addCommand(definition);
void main();

async function main(): Promise<void> {
  // The reader of a pipe may have seen enough; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') unwritable(error);
  });
  try {
    if (asksForAllHelp()) process.stdout.write(await helpText());
    else await program.parseAsync(scanned.words, { from: 'user' });
  } catch (error) {
    exitCode = await fail(error);
  }
  // An interrupted watch may still wait for an answer that nobody wants any more; what was written goes out first.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(exitCode);
}

/** A full disk below `memtool stats > file`: what was asked for did not get there, and nothing more can. */
function unwritable(error: NodeJS.ErrnoException): never {
  process.stderr.write(`memtool: The output could not be written: ${error.message}.\n`);
  process.exit(EXIT_FAILURE);
}

function createProgram(): Command {
  const command = new Command('memtool')
    .option(...worded(VERSION_OPTION))
    .helpOption(...worded(HELP_OPTION))
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    // commander's own messages are printed by `fail`; of its help only that of a command.
    .configureOutput({ writeErr: () => undefined, outputError: () => undefined })
    .on('option:version', printVersion);
  return withCommonOptions(command, true);
}

function addCommand({
  name,
  operands,
  summary,
  examples,
  note,
  options,
  watchable,
  startsProgram,
  usage,
  action,
}: Definition): void {
  const command = program
    .command(`${name} ${operands}`.trim())
    .description(summary)
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
  if (note !== undefined) command.addHelpText('after', `\n${note}`);
  for (const option of options) command.option(...worded(option));
  withCommonOptions(command, watchable);
  if (startsProgram) command.passThroughOptions().usage('[options] [-- node options] app.js [arguments]');
  if (usage !== undefined) command.usage(usage);
  command.action(async () => {
    const flags = mergedFlags(program.opts(), command.opts());
    if (flags.watch !== undefined && !watchable) {
      throw new MemtoolError('MEMTOOL_USAGE', `${name} takes no --watch.`, { hint: helpHint() });
    }
    exitCode = await action(createContext(name, flags), flags, command.args, scanned.program);
  });
}

function withCommonOptions(command: Command, watchable: boolean): Command {
  for (const option of commonOptions(watchable)) command.option(...worded(option));
  return command;
}

function worded([flags, description]: VerbOption): [string, string] {
  return [flags, description];
}

/** Of memtool itself, and not of one of its commands. */
function asksForAllHelp(): boolean {
  const { words, command } = scanned;
  const before = chosen === undefined || command === undefined ? words : words.slice(0, words.indexOf(command));
  return before.includes('-h') || before.includes('--help');
}

/** Nobody else needs what draws it. */
async function helpText(): Promise<string> {
  const { renderHelp } = await import('./manual/manual.ts');
  return renderHelp(DEFINITIONS);
}

/** Common options count before the command as well as after it; the latter win. */
function mergedFlags(before: CommonFlags, after: Flags): Flags {
  return { ...before, ...after, color: before.color !== false && after.color !== false };
}

function printVersion(): never {
  const version = packageVersion();
  process.stdout.write(`${version}\n`);
  throw new CommanderError(0, 'commander.version', version);
}

/** The one place that prints errors. */
async function fail(thrown: unknown): Promise<number> {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const isBare = thrown instanceof CommanderError && thrown.code === 'commander.help';
  const failure = thrown instanceof CommanderError ? usageError(thrown, isBare) : thrown;
  const { errorReport, reported } = await import('./commands/failure.ts');
  if (isBare && !scanned.json) process.stderr.write(await helpText());
  if (scanned.json) {
    process.stdout.write(`${JSON.stringify(errorReport(chosen?.name ?? null, failure))}\n`);
  } else if (!isBare) {
    const { renderError } = await import('./render/error.ts');
    const color = wantsColor(scanned.color, process.stderr.isTTY, process.env);
    process.stderr.write(`${renderError(reported(failure), await createStyle(color, process.stderr))}\n`);
  }
  return EXIT_FAILURE;
}

function usageError(error: CommanderError, isBare: boolean): MemtoolError {
  if (isBare) return new MemtoolError('MEMTOOL_USAGE', 'No command was given.', { hint: helpHint() });
  // What may be given without a value has its default before commander sees it.
  const [message = ''] = error.message
    .replace(/^error: /, '')
    .replace(/'(--watch|--scopes|--retainers)=.*'/, "'$1'")
    .split('\n(');
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`;
  const suggestion = /\(Did you mean ([^)]+)\?\)/.exec(error.message)?.[1];
  const isNodeOption = chosen?.startsProgram === true && error.code === 'commander.unknownOption';
  return new MemtoolError('MEMTOOL_USAGE', sentence, {
    hint: isNodeOption
      ? "Node's own options follow two dashes: `memtool run -- --inspect app.js`"
      : `${suggestion === undefined ? '' : `Did you mean ${suggestion}? `}${helpHint()}`,
  });
}

function helpHint(): string {
  return `Run \`memtool ${chosen === undefined ? '' : `${chosen.name} `}--help\` to see what there is.`;
}
