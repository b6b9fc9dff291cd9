import { stripVTControlCharacters } from 'node:util';
import type { Style } from '../style.ts';
import { textWidth } from '../text.ts';

/** What a screen is made of. The body takes what the others leave. */
export interface Page {
  /** The first line is never left out. */
  head: readonly string[];
  body: readonly string[];
  foot: string;
}

/** Exactly as many lines as the terminal has, none wider than it. */
export interface Frame {
  lines: string[];
  /** How many lines of the body can be scrolled away. */
  scrollMax: number;
}

/** With fewer lines there is no room for more than one line of the head. */
const HEAD_WHOLE_HEIGHT = 8;

const SGR_OR_CHARACTER = /\u001b\[[0-9;]*m|./gsu; // eslint-disable-line no-control-regex -- as style.ts paints
const RESET = '\u001b[0m';

/** How many lines are left for the body. */
export function bodyHeight(headLines: number, height: number): number {
  return Math.max(0, height - shownHead(headLines, height) - (height > 1 ? 1 : 0));
}

export function compose(
  { head, body, foot }: Page,
  scroll: number,
  width: number,
  height: number,
  style: Style,
): Frame {
  const room = bodyHeight(head.length, height);
  const scrollMax = Math.max(0, body.length - room);
  const from = Math.min(scroll, scrollMax);
  const shown = body.slice(from, from + room);
  const below = body.length - from - shown.length;
  if (below > 0 && shown.length > 1) shown[shown.length - 1] = style.theme.faint(`  ${below + 1} more lines below: ↓`);
  const lines = [...head.slice(0, shownHead(head.length, height)), ...shown];
  while (lines.length < height - 1) lines.push('');
  if (height > 1) lines.push(foot);
  return { lines: lines.slice(0, height).map((line) => fitLine(line, width)), scrollMax };
}

function shownHead(headLines: number, height: number): number {
  return height < HEAD_WHOLE_HEIGHT ? 1 : headLines;
}

/** Cuts a line that may have colours in it. */
export function fitLine(line: string, width: number): string {
  const plain = stripVTControlCharacters(line);
  if (textWidth(plain) <= width) return line;
  let fitted = '';
  let used = 0;
  for (const [part] of line.matchAll(SGR_OR_CHARACTER)) {
    const isColour = part.startsWith('\u001b');
    if (!isColour && used + textWidth(part) > width - 1) break;
    fitted += part;
    used += isColour ? 0 : textWidth(part);
  }
  return `${fitted}${line === plain ? '' : RESET}${width > 0 ? '…' : ''}`;
}

/** Two texts at the ends of a line; the right one goes when there is no room for both. */
export function ends(left: string, right: string, width: number): string {
  const gap = width - textWidth(stripVTControlCharacters(left)) - textWidth(stripVTControlCharacters(right));
  return gap < 2 ? left : `${left}${' '.repeat(gap)}${right}`;
}

/** As wide as the screen, so that a painted line reaches its edge. */
export function padded(line: string, width: number): string {
  return line + ' '.repeat(Math.max(0, width - textWidth(stripVTControlCharacters(line))));
}
