import type { CallFrame } from '../report/profile.ts';
import { packageOf, pathOf } from '../report/source-file.ts';

/** Whose code it is. `internal`: Node's own modules, V8's builtins, and what has no file. */
export type FrameOrigin = 'application' | 'package' | 'internal';

export interface Frame {
  fn: string;
  /** A path, or `node:events`; empty where there is none. */
  file: string;
  /** Of the function, or of the call in it, from 1. */
  line: number;
  column: number;
  origin: FrameOrigin;
  /** As `@scope/name`, of a `package`. */
  packageName: string | null;
}

/** V8's own names for what is no function: `(root)`, `(V8 API)`, `(BYTECODE_COMPILER)`. */
const NO_FUNCTION = /^\(.*\)$/;

export function isFunction({ functionName }: CallFrame): boolean {
  return !NO_FUNCTION.test(functionName);
}

export function readFrame({ functionName, url, lineNumber, columnNumber }: CallFrame): Frame {
  return frameOf(functionName, pathOf(url), lineNumber + 1, columnNumber + 1);
}

/** The other way round of `formatFrame`. */
export function parseFrame(text: string): Frame {
  const [, fn = text, file = '', line = '0', column = '0'] = /^(.*) \((.*):(\d+):(\d+)\)$/s.exec(text) ?? [];
  return frameOf(fn, pathOf(file), Number(line), Number(column));
}

function frameOf(fn: string, file: string, line: number, column: number): Frame {
  const packageName = packageOf(file);
  const inFile = packageName === null ? 'application' : 'package';
  const origin = file === '' || file.startsWith('node:') ? 'internal' : inFile;
  return { fn: fn === '' ? '(anonymous)' : fn, file, line, column, origin, packageName };
}

/** `fn (file:line:col)` */
export function formatFrame({ fn, file, line, column }: Frame): string {
  return file === '' ? fn : `${fn} (${file}:${line}:${column})`;
}
