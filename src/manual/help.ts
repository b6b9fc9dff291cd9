import { GROUP_TITLES, GROUPS, type Verb } from './verb.ts';

const WIDTH = 80;
const TERM_WIDTH = 21;

/** What `memtool --help` prints: what to do before how; 80 columns wide. */
export function renderHelp(verbs: readonly Verb[]): string {
  const sections = GROUPS.flatMap((group) => {
    const inGroup = verbs.filter((verb) => verb.group === group);
    if (inGroup.length === 0) return [];
    const lines = inGroup.flatMap((verb) => [
      `  ${term(verb).padEnd(TERM_WIDTH)}${verb.summary}`,
      ...(group === 'verbs' ? [`    $ ${verb.examples[0] ?? ''}`] : []),
    ]);
    return [GROUP_TITLES[group], ...lines, ''];
  });
  return [
    'Usage: memtool <command> [target] [options]',
    '',
    ...sections,
    ...wrapped(
      "A target is a pid, a part of an application's or a script's name, or `all`; without one every process that has an agent is meant. Every command takes --json, --timeout <seconds>, --no-color and, where it makes sense, --watch [seconds]; `memtool <command> --help` shows the rest; -V, --version prints the version.",
    ),
    '',
    'Exit codes: 0 nothing to act on, 1 findings, 2 failure or bad usage.',
    '',
  ].join('\n');
}

/** The rest of its operands is in the help of the command. */
function term({ name, operands, startsProgram }: Verb): string {
  const [first = ''] = operands.split(' ');
  return startsProgram === true ? `${name} app.js` : `${name} ${first}`.trim();
}

/** A command in backquotes is kept whole. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/(?:`[^`]*`|[^ ])+/g) ?? []) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
