import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { SystemFigures } from '../report/system-figures.ts';

/** glibc's HEAP_MAX_SIZE on 64 bits: an arena is aligned to it, and what it does not use yet may not be touched. */
const ARENA_BYTES: number = 64 * 1024 ** 2;
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/;
const ALLOCATOR = /lib(jemalloc|tcmalloc|mimalloc)/;

/** @returns `undefined` where there is no /proc, or no such process */
export function readSystemFigures(pid: number): SystemFigures | undefined {
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return undefined;
  const swapKib = figure(status, 'VmSwap');
  const score = read(`/proc/${pid}/oom_score`);
  return {
    threads: figure(status, 'Threads'),
    swapBytes: swapKib === null ? null : swapKib * 1024,
    oomScore: score === undefined ? null : Number(score),
    ...readMappings(read(`/proc/${pid}/maps`) ?? ''),
    machine: machineOf(read('/proc/meminfo') ?? ''),
  };
}

/** @param maps - As in /proc/PID/maps */
export function readMappings(maps: string): Pick<SystemFigures, 'mallocArenas' | 'allocator' | 'addons'> {
  const addons = new Set<string>();
  let allocator: string | null = null;
  let mallocArenas = 0;
  let arenaEnd = -1;
  for (const line of maps.split('\n')) {
    const [, from = '', to = '', access = '', file = ''] = MAPPING.exec(line) ?? [];
    const start = Number.parseInt(from, 16);
    const end = Number.parseInt(to, 16);
    if (file.startsWith('/')) {
      const name = basename(file);
      if (name.endsWith('.node')) addons.add(name);
      allocator ??= ALLOCATOR.exec(name)?.[1] ?? null;
    }
    const isRest = access === '---p' && start === arenaEnd && end % ARENA_BYTES === 0;
    if (isRest) mallocArenas += 1;
    arenaEnd = access === 'rw-p' && file === '' && start % ARENA_BYTES === 0 ? end : -1;
  }
  return { mallocArenas, allocator, addons: [...addons] };
}

/** What the main thread of a process has done so far. */
export interface MainThreadFigures {
  atSeconds: number;
  /** It ran, or waited for a core that others had: a thread that wants to run, on a machine however busy. */
  runnableSeconds: number;
  /** How often it has gone to sleep by itself, which an event loop does whenever it has nothing to do. */
  sleeps: number;
}

/** @returns `undefined` where the kernel keeps no account of that */
export function readMainThread(pid: number): MainThreadFigures | undefined {
  // Nanoseconds on a core, nanoseconds in the queue for one, and time slices.
  const account = /^(\d+) (\d+) \d+/.exec(read(`/proc/${pid}/task/${pid}/schedstat`) ?? '');
  const status = read(`/proc/${pid}/task/${pid}/status`);
  if (account === null || status === undefined) return undefined;
  return {
    atSeconds: performance.now() / 1000,
    runnableSeconds: (Number(account[1]) + Number(account[2])) / 1e9,
    sleeps: figure(status, 'voluntary_ctxt_switches') ?? 0,
  };
}

function machineOf(meminfo: string): SystemFigures['machine'] {
  const totalKib = figure(meminfo, 'MemTotal');
  const availableKib = figure(meminfo, 'MemAvailable');
  if (totalKib === null || availableKib === null) return null;
  return { totalBytes: totalKib * 1024, availableBytes: availableKib * 1024 };
}

function figure(text: string, name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
