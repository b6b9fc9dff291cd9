import { formatBytes, formatPercent, formatSeconds } from '../units.ts';

/** What stands where a figure is not known or does not apply. */
export const NONE = '-';

// eslint-disable-next-line no-control-regex -- these are what must not reach the terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** East Asian wide characters and emoji take two columns; combining marks and joiners none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const ZERO = /\p{Mark}|\p{Format}|\p{Variation_Selector}/u;

/** Names and tags come from other programs: without this one of them could steer the terminal. */
export function printable(text: string): string {
  return text.replace(CONTROL, '?');
}

/** What nearly all text is made of; the tests by character are slow the first few hundred times. */
const NARROW = /^[ -~█░]*$/;

/** Columns that text without colours takes. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** Cuts what is too wide, and marks that; never through the middle of a character. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (textWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** A command in backquotes is kept whole, so that it can be copied. */
const WORD = /(?:`[^`]*`|[^ ])+/g;

/** Breaks between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(WORD) ?? []) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The first line after `lead`, the others below it. */
export function hanging(lead: string, text: string, width: number): string[] {
  const indent = textWidth(lead);
  return wrap(text, Math.max(20, width - indent)).map(
    (line, index) => `${index === 0 ? lead : ' '.repeat(indent)}${line}`,
  );
}

export function bytesOrNone(bytes: number | null): string {
  return bytes === null ? NONE : formatBytes(bytes);
}

export function secondsOrNone(seconds: number | null): string {
  return seconds === null ? NONE : formatSeconds(seconds);
}

export function percentOrNone(percent: number | null): string {
  return percent === null ? NONE : formatPercent(percent);
}

export function count(amount: number, noun: string, plural: string = `${noun}s`): string {
  return `${amount} ${amount === 1 ? noun : plural}`;
}
