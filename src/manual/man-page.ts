import {
  commonOptions,
  GROUP_TITLES,
  GROUPS,
  HELP_OPTION,
  optionsOf,
  shapeOf,
  usageOf,
  VERSION_OPTION,
  type Verb,
  type VerbOption,
} from './verb.ts';

export interface Edition {
  version: string;
  date: Date;
}

const MONTHS = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
]; // prettier-ignore

const ENVIRONMENT: readonly [name: string, text: string][] = [
  ['MEMTOOL_DIR', 'The directory of the sockets, for the application and for memtool. By default $XDG_RUNTIME_DIR/memtool, else memtool-UID in the directory for temporary files.'],
  ['MEMTOOL_BLACK_BOX', 'With 0 in the environment of a process, its agent keeps no black box.'],
  ['NO_COLOR', 'Without colours when it is set, whatever its value.'],
  ['FORCE_COLOR', 'With colours, also into a pipe; 0 is without.'],
  ['COLUMNS', 'The width of what is drawn, where there is no terminal to ask.'],
]; // prettier-ignore

const FILES: readonly [name: string, text: string][] = [
  ['PID-START.sock', 'The socket of an agent, in the directory of the sockets. It speaks HTTP and JSON.'],
  ['PID-START.last', 'The black box of a process: what it held, every second.'],
  ['PID-START.failed', 'Why the agent of a process failed.'],
];

const EXITS: readonly [code: string, text: string][] = [
  ['0', 'Nothing to act on.'],
  ['1', 'Findings: a leak, a limit that is near or does not hold, something that grows.'],
  ['2', 'Failure, or bad usage.'],
];

/** memtool(1), in mdoc(7). */
export function manPage(verbs: readonly Verb[], { version, date }: Edition): string {
  return [
    `.Dd ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCDate()}, ${date.getUTCFullYear()}`,
    '.Dt MEMTOOL 1',
    '.Os',
    '.Sh NAME',
    '.Nm memtool',
    '.Nd see, bound and reclaim the memory of a running Node.js process',
    '.Sh SYNOPSIS',
    '.Nm',
    '.Ar command',
    '.Op Ar target',
    '.Op Ar options',
    '.Sh DESCRIPTION',
    '.Nm',
    text(
      'shows what a running process holds, how close its limits are and what it leaks, and gives back what nobody needs, from the shell and without a restart.',
    ),
    '.Pp',
    text(
      'A target is a pid, a part of the name of an application or of its script, or all; without one every process that has an agent is meant. In a process that is named by its pid, and has no agent, one is started.',
    ),
    '.Pp',
    text(`This is version ${version}.`),
    ...GROUPS.flatMap((group) => groupOf(group, verbs)),
    '.Sh COMMON OPTIONS',
    ...listOf([...commonOptions(true), HELP_OPTION, VERSION_OPTION].map(optionItem)),
    '.Sh ENVIRONMENT',
    ...listOf(ENVIRONMENT.map(([name, told]) => [`.It Ev ${name}`, text(told)])),
    '.Sh FILES',
    ...listOf(FILES.map(([name, told]) => [`.It Pa ${name}`, text(told)])),
    '.Sh EXIT STATUS',
    ...listOf(EXITS.map(([code, told]) => [`.It ${code}`, text(told)])),
    text('A watch that is interrupted exits with 130;'),
    '.Cm run',
    text('with what its program exited with.'),
    '.Sh EXAMPLES',
    ...verbs
      .filter(({ group }) => group === 'verbs')
      .flatMap(({ summary, examples }) => [text(sentence(summary)), `.Dl ${macro(examples[0] ?? '')}`, '.Pp'])
      .slice(0, -1),
    '',
  ].join('\n');
}

function groupOf(group: Verb['group'], verbs: readonly Verb[]): string[] {
  const inGroup = verbs.filter((verb) => verb.group === group);
  if (inGroup.length === 0) return [];
  return [`.Sh ${GROUP_TITLES[group].replace(/[:,].*$/, '').toUpperCase()}`, ...inGroup.flatMap(verbLines)];
}

function verbLines(verb: Verb): string[] {
  const own = optionsOf(verb).slice(0, verb.options.length);
  return [
    `.Ss memtool ${verb.name}`,
    ...usageOf(verb)
      .split('\n')
      .flatMap((line, index) => [...(index > 0 ? ['.br'] : []), `.Nm memtool`, ...usageLine(line)])
      .filter((line) => line !== ''),
    '.Pp',
    text(sentence(verb.summary)),
    ...(own.length > 0 ? listOf(own.map(optionItem)) : []),
    ...(verb.note === undefined ? [] : noteLines(verb.note)),
    '.Pp',
    ...verb.examples.map((example) => `.Dl ${macro(example)}`),
  ];
}

/** What is set out in columns stays as it is. */
function noteLines(note: string): string[] {
  if (!/^ /m.test(note)) return ['.Pp', text(note.replaceAll('\n', ' '))];
  return ['.Bd -literal', ...note.split('\n').map((line) => plain(escape(line))), '.Ed'];
}

/** The words behind the name, as they are. */
function usageLine(line: string): string[] {
  return [text(line.trim().replace(/^memtool /, ''))];
}

function optionItem(option: VerbOption): string[] {
  const { names, value, isValueOptional } = shapeOf(option);
  const takes = value === undefined ? '' : isValueOptional ? ` Op Ar ${value}` : ` Ar ${value}`;
  const flags = names.map((name) => `Fl ${macro(name.slice(1))}`).join(' , ');
  return [`.It ${flags}${takes}`, text(sentence(option[1]))];
}

function listOf(items: string[][]): string[] {
  return ['.Bl -tag -width Ds', ...items.flat(), '.El'];
}

function sentence(words: string): string {
  const capital = words.replace(/^./, (first) => first.toUpperCase());
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** Text on lines of its own, a sentence a line as mdoc wants it, and none that mandoc calls too long. */
function text(words: string): string {
  return escape(words)
    .replace(/([.!?;]) (?=[A-Z])/g, '$1\n')
    .split('\n')
    .flatMap((line) => line.match(/\S.{0,74}\S(?= |$)|\S+/g) ?? [])
    .map(plain)
    .join('\n');
}

/** What roff would take for a command is text. */
function plain(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

/** The same behind a macro, where a short word could be one, too. */
function macro(words: string): string {
  return escape(words)
    .split(' ')
    .map((word) => (/^([A-Z][a-z]|[.,:;()[\]?!|])$/.test(word) ? `\\&${word}` : word))
    .join(' ');
}

function escape(words: string): string {
  return words.replaceAll('\\', '\\e').replaceAll('`', '').replaceAll('-', '\\-').replaceAll('…', '...');
}
