import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The memory of the control group a process is in: what a container is limited by. */
export interface ContainerMemory {
  name: string;
  usedBytes: number;
  limitBytes: number;
}

/** Version 1 says "no limit" with the largest page-aligned number. */
const UNLIMITED_BYTES = 2 ** 62;

/** @returns `undefined` when the process is in no group with a limit, or its group cannot be read from here. */
export function containerMemory(pid: number): ContainerMemory | undefined {
  for (const line of (read(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [id, controllers, path = ''] = line.split(':');
    if (id === '0' && controllers === '') {
      const found = limits(join('/sys/fs/cgroup', path), 'memory.current', 'memory.max');
      if (found) return found;
    }
    if (controllers?.split(',').includes('memory')) {
      const found = limits(join('/sys/fs/cgroup/memory', path), 'memory.usage_in_bytes', 'memory.limit_in_bytes');
      if (found) return found;
    }
  }
  return undefined;
}

function limits(directory: string, usedFile: string, limitFile: string): ContainerMemory | undefined {
  const usedBytes = Number(read(join(directory, usedFile)) ?? NaN);
  const limitBytes = Number(read(join(directory, limitFile)) ?? NaN);
  // "max" is not a number either.
  if (!Number.isFinite(usedBytes) || !(limitBytes > 0) || limitBytes >= UNLIMITED_BYTES) return undefined;
  return { name: 'memory', usedBytes, limitBytes };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
