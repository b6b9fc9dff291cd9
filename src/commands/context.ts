import { socketDirectory } from '../protocol.ts';
import type { CommandName } from '../report/document.ts';
import { loadTheme, type Style } from '../render/style.ts';
import { parseSeconds } from '../units.ts';
import { MemtoolError } from '../errors.ts';

export const EXIT_NOTHING = 0;
export const EXIT_FINDINGS = 1;
export const EXIT_FAILURE = 2;
/** 128 + SIGINT, as shells count. */
export const EXIT_INTERRUPTED = 130;

const DEFAULT_TIMEOUT_SECONDS = 5;
const DEFAULT_WIDTH = 80;
const WIDTH_MIN = 40;
const WATCH_SECONDS_MIN = 0.1;
const WATCH_SECONDS_MAX = 3600;
/** Longer than any answer is worth waiting for, and safely below what a timer can hold. */
const TIMEOUT_SECONDS_MAX = 3600;

/** The options that every command takes, as they were typed. */
export interface CommonFlags {
  json?: boolean;
  watch?: string;
  timeout?: string;
  color?: boolean;
  attach?: boolean;
}

/** What a command needs to know of where and how it was started. */
export interface Context {
  command: CommandName;
  json: boolean;
  /** Between two looks; `undefined` for one look only. */
  watchSeconds: number | undefined;
  /** For each process. */
  timeoutMs: number;
  /** Where the agents' sockets are. */
  directory: string;
  /** Whether a process that is named by its pid and has no agent is attached to. */
  attach: boolean;
  /** Says what was done. */
  onAttached: (agent: { pid: number; name: string }) => void;
  color: boolean;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly errors: NodeJS.WriteStream;
}

export function createContext(command: CommandName, flags: CommonFlags): Context {
  return {
    command,
    json: flags.json ?? false,
    watchSeconds:
      flags.watch === undefined ? undefined : bounded(flags.watch, '--watch', WATCH_SECONDS_MIN, WATCH_SECONDS_MAX),
    timeoutMs:
      bounded(flags.timeout ?? String(DEFAULT_TIMEOUT_SECONDS), '--timeout', 0.001, TIMEOUT_SECONDS_MAX) * 1000,
    directory: socketDirectory(),
    attach: flags.attach ?? true,
    onAttached: ({ pid, name }) => {
      if (flags.json !== true) process.stderr.write(attachedNote(pid, name));
    },
    color: wantsColor(flags.color ?? true, process.stdout.isTTY, process.env),
    // Node makes a stream when it is first looked at, which takes a millisecond; most commands need one of them.
    get input() {
      return process.stdin;
    },
    get output() {
      return process.stdout;
    },
    get errors() {
      return process.stderr;
    },
  };
}

/** Somebody's process has a thread more than before. */
function attachedNote(pid: number, name: string): string {
  return `memtool has started its agent in ${name} (${pid}). It goes away after 15 minutes without a question, or with \`memtool detach ${pid}\`.\n\n`;
}

/** How to draw on this stream, at its present width. */
export async function createStyle(color: boolean, stream: NodeJS.WriteStream): Promise<Style> {
  const columns = stream.columns ?? Number(process.env['COLUMNS'] ?? DEFAULT_WIDTH);
  const width = Number.isSafeInteger(columns) && columns > 0 ? Math.max(WIDTH_MIN, columns) : DEFAULT_WIDTH;
  return { width, theme: await loadTheme(color) };
}

/** --no-color, then FORCE_COLOR, then NO_COLOR (no-color.org), then whether anybody sees it. */
export function wantsColor(flag: boolean, isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  if (!flag) return false;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (environment['NO_COLOR']) return false;
  return isTerminal && environment['TERM'] !== 'dumb';
}

function bounded(value: string, option: string, least: number, most: number): number {
  const seconds = parseSeconds(value, option);
  if (seconds >= least && seconds <= most) return seconds;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    `${option} is ${value}: it must be between ${least} and ${most} seconds.`,
    {
      hint: option === '--watch' ? 'A pid goes before it: memtool stats 4242 --watch.' : `For example: ${option} 5`,
    },
  );
}
