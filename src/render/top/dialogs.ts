import type { ProcessCleanup } from '../../report/cleanup.ts';
import type { TopCleanup, TopProcess, TopState } from '../../report/top.ts';
import { cleanupLines } from '../cleanup.ts';
import type { Style } from '../style.ts';
import { hanging, printable } from '../text.ts';
import { compose, type Frame } from './page.ts';
import { keyLine, label, titleLine } from './words.ts';

const HELP: readonly (readonly [key: string, does: string])[] = [
  ['↑ ↓  j k', 'select a process, or scroll'],
  ['Enter', 'open it: its limits, heap and workers, scopes, leaks'],
  ['Tab  1-4', 'the next page of an opened process, or one of them; p the limits'],
  ['Esc', 'back; in the overview, all processes without a filter'],
  ['s  r', 'sort by the next figure (its column has a *); the other way round'],
  ['/', 'filter by a part of the name or the pid'],
  ['space', 'pause: nobody is asked, and what is shown stays'],
  ['+  -', 'look less often, or more often'],
  ['c', 'what could be given back; y then does it'],
  ['l', 'leaks: what is lost, orphaned or held too long'],
  ['h', 'there: read the heap too, which stops the process for a moment'],
  ['a', 'there: another age from which on something counts as held too long'],
  ['Ctrl-Z', 'back to the shell for a while; fg goes on'],
  ['q', 'quit; so does Ctrl-C, with exit code 130'],
];

const LEVELS =
  'LEVEL is that of the limit that is nearest: warning from 80 %, critical from 95 %, if the program has not set others. PER MINUTE is growth over the last minute, and FULL IN what follows from it.';

export function helpPage(state: TopState, width: number, height: number, style: Style): Frame {
  const head = [titleLine(style.theme.strong('memtool top: keys'), state, style), ''];
  const body = [
    ...HELP.flatMap(([key, does]) => hanging(`  ${key.padEnd(10)}`, does, style.width)),
    '',
    ...hanging('  ', LEVELS, style.width),
  ];
  return compose(
    {
      head,
      body,
      foot: keyLine(
        [
          ['any key', 'back'],
          ['q', 'quit'],
        ],
        style,
      ),
    },
    0,
    width,
    height,
    style,
  );
}

/** First what would be given back; then, after a yes, what was. */
export function cleanupPage(
  cleanup: TopCleanup,
  found: TopProcess | undefined,
  state: TopState,
  width: number,
  height: number,
  style: Style,
): Frame {
  const name = found ? label(found) : 'the process';
  const head = [titleLine(`${style.theme.strong('cleanup')} of ${name}`, state, style), ''];
  const { body, foot } = content(cleanup, name, style);
  return compose({ head, body, foot }, state.scroll, width, height, style);
}

/** Whether saying yes to a dry run could do anything; what reclaimers would give is only known when they are asked. */
export function canGiveBack({ reclaimed, left }: ProcessCleanup): boolean {
  return reclaimed.length > 0 || left.some(({ kind }) => kind === 'reclaimer');
}

function content({ stage, report, error }: TopCleanup, name: string, style: Style): { body: string[]; foot: string } {
  const { theme } = style;
  switch (stage) {
    case 'foreseeing':
      return {
        body: [`  Asking ${name} what could be given back. Nothing is changed by that.`],
        foot: keyLine([['Esc', 'back']], style),
      };
    case 'asking': {
      const lines = report === null ? [] : cleanupLines(report, true, style);
      if (report !== null && !canGiveBack(report)) return { body: lines, foot: keyLine([['any key', 'back']], style) };
      const question = ' Give it back? ';
      return {
        body: lines,
        foot: `${theme.selected(question)}${keyLine(
          [
            ['y', 'yes'],
            ['any other key', 'no'],
          ],
          { ...style, width: style.width - question.length },
        )}`,
      };
    }
    case 'cleaning':
      return { body: [`  Cleaning up ${name}.`], foot: '' };
    case 'done':
      return {
        body: report === null ? [] : cleanupLines(report, false, style),
        foot: keyLine([['any key', 'back']], style),
      };
    case 'failed':
      return {
        body:
          error === null
            ? []
            : [
                ...hanging('  ', printable(error.message), style.width).map((line) => theme.critical(line)),
                ...(error.hint === null ? [] : hanging('  ', printable(error.hint), style.width)),
              ],
        foot: keyLine([['any key', 'back']], style),
      };
  }
}
