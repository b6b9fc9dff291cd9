import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';
import { processStartTime } from '../protocol.ts';
import { isNodeExecutable, isTool, nameOf, readCommandLine, typeableScript } from './command-line.ts';

/** What the system says about a process, without any part of memtool inside it. */
export interface OsProcess {
  pid: number;
  startTime: string;
  name: string;
  /** Path of its script as it can be typed in this directory. */
  script: string | undefined;
  isNode: boolean;
  isOurs: boolean;
  uid: number;
  /** Whether a handler for SIGUSR1 is in place; without one the signal would kill the process. */
  handlesSigusr1: boolean;
  uptimeSeconds: number;
  rssBytes: number | null;
}

/** Linux counts in hundredths of a second for user programs, whatever the kernel was built with. */
const CLOCK_TICKS_PER_SECOND = 100;

/** Signal 10, bit 9, on every architecture Node runs on except MIPS. */
const SIGUSR1_BIT = 0x200n;

/** @returns `undefined` when there is no such process, or no /proc to ask. */
export function readProcess(pid: number): OsProcess | undefined {
  const startTime = processStartTime(pid);
  const status = readStatus(pid);
  // A zombie has a status, but no memory any more.
  if (startTime === undefined || !status || status.get('State')?.startsWith('Z')) return undefined;
  const commandLine = readCommandLine(pid);
  const uid = Number(status.get('Uid')?.split('\t')[0]);
  const rssKib = /^(\d+) kB$/.exec(status.get('VmRSS') ?? '')?.[1];
  return {
    pid,
    startTime,
    name: commandLine.length > 0 ? nameOf(commandLine) : (status.get('Name') ?? ''),
    script: typeableScript(pid, commandLine),
    isNode: isNodeExecutable(executable(pid)),
    isOurs: uid === process.getuid?.(),
    uid,
    handlesSigusr1: (BigInt(`0x${status.get('SigCgt') ?? '0'}`) & SIGUSR1_BIT) !== 0n,
    uptimeSeconds: Math.max(0, uptime() - Number(startTime) / CLOCK_TICKS_PER_SECOND),
    rssBytes: rssKib === undefined ? null : Number(rssKib) * 1024,
  };
}

/** Node processes of ours; not this one, not other runs of this command line tool, and not the npm that started one. */
export function listNodeProcesses(): OsProcess[] {
  return listNodePids()
    .map((pid) => readProcess(pid))
    .filter((found): found is OsProcess => found !== undefined && (found.isOurs || isRoot()))
    .filter((found) => !isTool(readCommandLine(found.pid)))
    .toSorted((a, b) => a.pid - b.pid);
}

/** What runs an executable with the name of Node's, that we may look at; but not this process. */
export function listNodePids(): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => isNodeExecutable(executable(pid)));
}

/** Who may do everything wants to see everything. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function executable(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

function readStatus(pid: number): Map<string, string> | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
  } catch {
    return undefined;
  }
}
