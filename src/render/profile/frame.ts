/** What a frame of a profile is called, where it is, and whose code it is. */
import { basename } from 'node:path';
import type { CallFrame } from '../../report/profile.ts';
import { packageOf, pathOf } from '../../report/source-file.ts';
import type { FrameOrigin } from './flamegraph-data.ts';

export interface Frame {
  /** Those without one are told apart by their place, as other tools add up functions by their names. */
  name: string;
  /** A path where there is one, else what V8 calls the script; empty for V8's own. */
  file: string;
  /** From 1, where the function begins; 0 when unknown. */
  line: number;
  column: number;
  origin: FrameOrigin;
  /** Of `origin: 'package'`: its name in node_modules. */
  packageName: string;
}

export function frameOf({ functionName, url, lineNumber, columnNumber }: CallFrame): Frame {
  const file = pathOf(url);
  const packageName = packageOf(file) ?? '';
  const place = { file, line: lineNumber + 1, column: columnNumber + 1 };
  return {
    name: functionName === '' ? `(anonymous) ${placeOf({ ...place, file: basename(file) })}`.trim() : functionName,
    ...place,
    origin: originOf(file, packageName),
    packageName,
  };
}

/** `file:line:column`, as far as it is known. */
export function placeOf({ file, line, column }: Pick<Frame, 'file' | 'line' | 'column'>): string {
  return file === '' || line <= 0 ? file : `${file}:${line}:${column}`;
}

function originOf(file: string, packageName: string): FrameOrigin {
  if (file === '') return 'engine';
  if (file.startsWith('node:')) return 'node';
  return packageName === '' ? 'application' : 'package';
}
