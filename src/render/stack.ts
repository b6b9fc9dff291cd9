import { packageOf, pathInPackage } from '../report/source-file.ts';
import { printable } from './text.ts';

/** A place in a program, as it is drawn. */
interface Frame {
  fn: string;
  /** Without the line; empty for what V8 brings itself. */
  file: string;
  text: string;
}

const FRAMES_SHOWN_MAX = 3;
const ANONYMOUS = '(anonymous)';

/**
 * A stack for somebody who looks for the place in their own program: its own functions first, innermost first; then the
 * packages it went through, by name; Node's own functions only if there is nothing else.
 */
export function stackLines(stack: readonly string[]): string[] {
  const frames = stack.map(readFrame);
  const own = frames.filter(isOwn);
  const packages = new Map<string, Frame>();
  for (const frame of frames) {
    const name = packageOf(frame.file);
    if (name !== null && !packages.has(name)) packages.set(name, frame);
  }
  const shown = [
    ...own.slice(0, FRAMES_SHOWN_MAX).map(({ text }) => `at ${text}`),
    ...[...packages].slice(0, FRAMES_SHOWN_MAX).map(([name, frame]) => `in the package ${name}: ${inPackage(frame)}`),
  ];
  const lines = shown.length > 0 ? shown : frames.slice(0, FRAMES_SHOWN_MAX).map(({ text }) => `at ${text}`);
  return lines.map(printable);
}

/** The function that says most of where it is; with its package if it is one's. */
export function placeName(stack: readonly string[]): string | undefined {
  const frames = stack.map(readFrame);
  const found = frames.findIndex((frame) => isOwn(frame) || packageOf(frame.file) !== null);
  const said = frames[Math.max(0, found)];
  if (!said) return undefined;
  const name = packageOf(said.file);
  if (name !== null) return printable(`${name}: ${said.fn}`);
  // A function without a name is known by who has it.
  const outer =
    said.fn === ANONYMOUS ? frames.slice(found + 1).find((frame) => isOwn(frame) && frame.fn !== ANONYMOUS) : undefined;
  return printable(outer === undefined ? said.fn : `${outer.fn} > ${said.fn}`);
}

/** `fn (file:line:col)`, or only `fn` */
function readFrame(text: string): Frame {
  const [, fn = text, file = ''] = /^(.*) \((.*?)(?::\d+)?(?::\d+)?\)$/s.exec(text) ?? [];
  return { fn, file, text };
}

function isOwn(frame: Frame): boolean {
  return frame.file !== '' && !frame.file.startsWith('node:') && packageOf(frame.file) === null;
}

/** Inside its package the way to it says nothing. */
function inPackage({ fn, text }: Frame): string {
  return `${fn} (${pathInPackage(text.slice(fn.length + 2, -1))})`;
}
