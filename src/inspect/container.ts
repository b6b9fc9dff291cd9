import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The memory of the control group a process is in, or of one around it: what a container is limited by. */
export interface ContainerMemory {
  name: string;
  usedBytes: number;
  limitBytes: number;
  /** Of `usedBytes`, what the kernel gives back before it kills: files that nobody has read lately. */
  reclaimableBytes: number;
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
  reclaimable: RegExp;
}

const VERSION_2: Version = {
  root: '/sys/fs/cgroup',
  used: 'memory.current',
  limit: 'memory.max',
  events: 'memory.events',
  reclaimable: /^inactive_file (\d+)$/m,
};
const VERSION_1: Version = {
  root: '/sys/fs/cgroup/memory',
  used: 'memory.usage_in_bytes',
  limit: 'memory.limit_in_bytes',
  events: 'memory.oom_control',
  reclaimable: /^total_inactive_file (\d+)$/m,
};

/**
 * The group that is nearest to being full: a limit of any group around a process binds it as well.
 *
 * @returns `undefined` when the process is in no group with a limit, or its groups cannot be read from here.
 */
export function containerMemory(pid: number): ContainerMemory | undefined {
  const [first, ...others] = limitedGroups(pid);
  return others.reduce<ContainerMemory | undefined>((tightest, one) => {
    const isTighter = !tightest || one.usedBytes / one.limitBytes > tightest.usedBytes / tightest.limitBytes;
    return isTighter ? one : tightest;
  }, first);
}

/** The least limit of the groups around a process, in bytes: what it has when nobody else uses memory. */
export function containerLimitBytes(pid: number): number | undefined {
  const limits = limitedGroups(pid).map(({ limitBytes }) => limitBytes);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function limitedGroups(pid: number): ContainerMemory[] {
  for (const line of (read(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [id, controllers, path = '/'] = line.split(':');
    if (id === '0' && controllers === '') {
      const found = groupsUp(VERSION_2, path);
      if (found.length > 0) return found;
    }
    if (controllers?.split(',').includes('memory')) {
      const found = groupsUp(VERSION_1, path);
      if (found.length > 0) return found;
    }
  }
  return [];
}

/** A group and those around it, where they have a limit. */
function groupsUp(version: Version, path: string): ContainerMemory[] {
  const found: ContainerMemory[] = [];
  for (let group = path; ; group = dirname(group)) {
    const memory = readGroup(version, join(version.root, group));
    if (memory) found.push(memory);
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
  const reclaimableBytes = Number(version.reclaimable.exec(read(join(directory, 'memory.stat')) ?? '')?.[1] ?? 0);
  return {
    name: 'memory',
    usedBytes,
    limitBytes,
    reclaimableBytes: Math.min(usedBytes, reclaimableBytes),
    oomKills,
    stallPercent: stall === undefined ? null : Number(stall),
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
