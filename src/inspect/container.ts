import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The memory of the control group a process is in, or of one around it: what a container is limited by. */
export interface ContainerMemory {
  name: string;
  usedBytes: number;
  limitBytes: number;
  /** How often the kernel has killed a process of the group for want of memory. */
  oomKills: number;
  /** Share of the last ten seconds in which a process of the group waited for memory, 0-100; `null` without pressure stall information. */
  stallPercent: number | null;
}

/** Version 1 says "no limit" with the largest page-aligned number. */
const UNLIMITED_BYTES = 2 ** 62;

interface Version {
  root: string;
  used: string;
  limit: string;
  events: string;
}

const VERSION_2: Version = {
  root: '/sys/fs/cgroup',
  used: 'memory.current',
  limit: 'memory.max',
  events: 'memory.events',
};
const VERSION_1: Version = {
  root: '/sys/fs/cgroup/memory',
  used: 'memory.usage_in_bytes',
  limit: 'memory.limit_in_bytes',
  events: 'memory.oom_control',
};

/** @returns `undefined` when the process is in no group with a limit, or its groups cannot be read from here. */
export function containerMemory(pid: number): ContainerMemory | undefined {
  for (const line of (read(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [id, controllers, path = '/'] = line.split(':');
    if (id === '0' && controllers === '') {
      const found = tightest(VERSION_2, path);
      if (found) return found;
    }
    if (controllers?.split(',').includes('memory')) {
      const found = tightest(VERSION_1, path);
      if (found) return found;
    }
  }
  return undefined;
}

/** A limit of any group around it binds the process as well: the one that is nearest to being full. */
function tightest(version: Version, path: string): ContainerMemory | undefined {
  let found: ContainerMemory | undefined;
  for (let group = path; ; group = dirname(group)) {
    const memory = readGroup(version, join(version.root, group));
    if (memory && (!found || memory.usedBytes / memory.limitBytes > found.usedBytes / found.limitBytes)) found = memory;
    if (group === '/' || group === '.') return found;
  }
}

function readGroup(version: Version, directory: string): ContainerMemory | undefined {
  const usedBytes = Number(read(join(directory, version.used)) ?? NaN);
  const limitBytes = Number(read(join(directory, version.limit)) ?? NaN);
  // "max" is not a number either.
  if (!Number.isFinite(usedBytes) || !(limitBytes > 0) || limitBytes >= UNLIMITED_BYTES) return undefined;
  const oomKills = Number(/^oom_kill (\d+)$/m.exec(read(join(directory, version.events)) ?? '')?.[1] ?? 0);
  const stall = /^some avg10=([\d.]+)/m.exec(read(join(directory, 'memory.pressure')) ?? '')?.[1];
  return { name: 'memory', usedBytes, limitBytes, oomKills, stallPercent: stall === undefined ? null : Number(stall) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
