import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BoxGroup } from '../../black-box/notes.ts';

/** The memory of the group with a limit that is nearest to being full; 30 us to read. */
export interface GroupUsage {
  usedBytes: number;
  limitBytes: number;
}

/** Version 1 says "no limit" with the largest page-aligned number. */
const UNLIMITED_BYTES = 2 ** 62;

interface Version {
  root: string;
  used: string;
  limit: string;
  events: string;
}

const VERSION_1: Version = {
  root: '/sys/fs/cgroup/memory',
  used: 'memory.usage_in_bytes',
  limit: 'memory.limit_in_bytes',
  events: 'memory.oom_control',
};
const VERSION_2: Version = {
  root: '/sys/fs/cgroup',
  used: 'memory.current',
  limit: 'memory.max',
  events: 'memory.events',
};

/** The control group of this process, as it is from inside: found once, since few processes are moved to another. */
export class ContainerProbe {
  readonly group: BoxGroup | null;
  readonly #files: { used: string; limit: string }[] = [];

  constructor() {
    const found = findGroup();
    this.group = found?.group ?? null;
    if (!found) return;
    const { version, path } = found;
    for (let group = path; ; group = dirname(group)) {
      const directory = join(version.root, group);
      const files = { used: join(directory, version.used), limit: join(directory, version.limit) };
      if (usageOf(files)) this.#files.push(files);
      if (group === '/' || group === '.') break;
    }
  }

  /** @returns `undefined` without a group that has a limit */
  read(): GroupUsage | undefined {
    const [nearest] = this.#files
      .map(usageOf)
      .filter((usage) => usage !== undefined)
      .toSorted((a, b) => b.usedBytes / b.limitBytes - a.usedBytes / a.limitBytes);
    return nearest;
  }

  /** Kills that the process' own group has counted. */
  oomKills(): number | null {
    if (this.group === null) return null;
    const count = /^oom_kill (\d+)$/m.exec(read(this.group.eventsFile) ?? '')?.[1];
    return count === undefined ? null : Number(count);
  }
}

function findGroup(): { version: Version; path: string; group: BoxGroup } | undefined {
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [id, controllers, ...rest] = line.split(':');
    const version =
      id === '0' ? VERSION_2 : controllers?.split(',').includes('memory') === true ? VERSION_1 : undefined;
    if (!version) continue;
    const named = rest.join(':') || '/';
    // A container may be told its path from the host's root, and have its own group mounted as the root.
    for (const path of new Set([named, '/'])) {
      const directory = join(version.root, path);
      const eventsFile = join(directory, version.events);
      if (read(eventsFile) === undefined) continue;
      return { version, path, group: { path: named, eventsFile, inode: statSync(directory).ino } };
    }
  }
  return undefined;
}

function usageOf({ used, limit }: { used: string; limit: string }): GroupUsage | undefined {
  const usedBytes = Number(read(used) ?? NaN);
  // "max" is not a number either.
  const limitBytes = Number(read(limit) ?? NaN);
  return Number.isFinite(usedBytes) && limitBytes > 0 && limitBytes < UNLIMITED_BYTES
    ? { usedBytes, limitBytes }
    : undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
