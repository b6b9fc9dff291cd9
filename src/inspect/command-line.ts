import { readFileSync, readlinkSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';

/** Options of node that take the next argument as their value, so that it is not read as the script. */
const OPTIONS_WITH_VALUE = new Set([
  '-r', '--require', '--import', '--loader', '--experimental-loader', '-C', '--conditions', '--env-file', '--title',
  '--input-type', '--inspect-port', '--icu-data-dir', '--openssl-config', '--diagnostic-dir', '--redirect-warnings',
]); // prettier-ignore

const NODE_NAME = /^(node|nodejs)(-?v?\d[\d.]*)?$/;

/** Whether an executable's path is that of Node.js. A binary that was replaced on disk is marked as deleted by Linux. */
export function isNodeExecutable(path: string): boolean {
  return NODE_NAME.test(basename(path.replace(/ \(deleted\)$/, '')).replace(/\.exe$/i, ''));
}

/** The script among the arguments of a `node` command line; `undefined` for `-e`, the REPL and for a title the process gave itself. */
export function scriptArgument(commandLine: string[]): string | undefined {
  if (!isNodeExecutable(commandLine[0] ?? '')) return undefined;
  for (let index = 1; index < commandLine.length; index += 1) {
    const argument = commandLine[index] ?? '';
    if (/^(-e|-p|-pe|--eval|--print)(=|$)/.test(argument)) return undefined;
    if (argument === '--') return commandLine[index + 1];
    if (!argument.startsWith('-')) return argument;
    if (OPTIONS_WITH_VALUE.has(argument)) index += 1;
  }
  return undefined;
}

/** What to call a process by: its script's file name, else what its command line says. */
export function nameOf(commandLine: string[]): string {
  const script = scriptArgument(commandLine);
  if (script) return basename(script);
  const first = commandLine[0] ?? '';
  if (!isNodeExecutable(first)) return first.includes(' ') ? first : basename(first);
  return commandLine.length > 1 ? '[eval]' : 'node';
}

/**
 * Whether it is memtool itself, by whatever path it was started, or npm, which runs programs and is never the one that is
 * looked for: `npx memtool ps` would list its own `npm exec memtool ps`.
 */
export function isTool(commandLine: string[]): boolean {
  const script = basename(scriptArgument(commandLine) ?? '');
  return script === 'memtool' || script === 'memtool.js' || /^(npm|npx) /.test(commandLine[0] ?? '');
}

/** @returns An empty list when the process is gone, is not readable or there is no /proc. */
export function readCommandLine(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
    return text === '' ? [] : text.split('\0');
  } catch {
    return [];
  }
}

export function processName(pid: number): string {
  return nameOf(readCommandLine(pid));
}

/** The script's path as it can be typed here: relative where that is shorter; `undefined` when there is no script. */
export function typeableScript(pid: number, commandLine: string[]): string | undefined {
  const script = scriptArgument(commandLine);
  if (script === undefined) return undefined;
  try {
    const absolute = resolve(readlinkSync(`/proc/${pid}/cwd`), script);
    const here = relative(process.cwd(), absolute);
    return quoted(here.startsWith('..') ? absolute : here);
  } catch {
    return quoted(script);
  }
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
