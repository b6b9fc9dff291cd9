import type { ReportedError } from '../report/document.ts';
import type { Style } from './style.ts';
import { hanging, printable } from './text.ts';

/** What happened and why, then what to do; the lines of a message are kept, for it may hold a stack. */
export function renderError({ message, hint }: ReportedError, style: Style): string {
  const [first = '', ...rest] = message.split('\n').map(printable);
  const lines = hanging('memtool: ', first, style.width);
  const [lead = '', ...more] = lines;
  return [
    lead.replace('memtool:', style.theme.critical('memtool:')),
    ...more,
    ...rest,
    ...(hint === null ? [] : hint.split('\n').flatMap((line) => hanging('  ', printable(line), style.width))),
  ].join('\n');
}
