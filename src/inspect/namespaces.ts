/** Namespaces: what a process in a container takes for its pid, its user and the time since boot. See namespaces(7). */
import { readFileSync, readlinkSync } from 'node:fs';

export type NamespaceKind = 'mnt' | 'net' | 'pid' | 'time' | 'user';

const NANOSECONDS_PER_TICK = 10_000_000n;

/** Kernels without namespaces of a kind have one of it; what may not be looked at counts as ours. */
export function sharesNamespace(pid: number, kind: NamespaceKind): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`) === ownNamespace(kind);
  } catch {
    return true;
  }
}

const own = new Map<NamespaceKind, string>();

/** A process may change its own, but we never do. */
function ownNamespace(kind: NamespaceKind): string {
  const known = own.get(kind) ?? readlinkSync(`/proc/self/ns/${kind}`);
  own.set(kind, known);
  return known;
}

/** Whether it finds the same files by the same paths as we do, and has the same numbers for itself and its user. */
export function sharesView(pid: number): boolean {
  if (!(['mnt', 'pid', 'user'] as const).every((kind) => sharesNamespace(pid, kind))) return false;
  try {
    // chroot(2) makes no namespace.
    return readlinkSync(`/proc/${pid}/root`) === '/';
  } catch {
    return true;
  }
}

/** Its pid where it runs itself: in the innermost of its pid namespaces. */
export function pidInside(pid: number): number {
  return innermostPid(readText(`/proc/${pid}/status`) ?? '') ?? pid;
}

/** @param status - Text of /proc/PID/status; `undefined` when it has no such line, before Linux 4.1 */
export function innermostPid(status: string): number | undefined {
  const last = /^NSpid:.*?(\d+)$/m.exec(status)?.[1];
  return last === undefined ? undefined : Number(last);
}

/** The number of a user of ours in the user namespace of a process. */
export function uidInside(pid: number, uid: number): number {
  return sharesNamespace(pid, 'user') ? uid : mappedUid(readText(`/proc/${pid}/uid_map`) ?? '', uid);
}

/** @param map - Text of /proc/PID/uid_map: lines of first inside, first here, count */
export function mappedUid(map: string, uid: number): number {
  for (const line of map.trim().split('\n')) {
    const [inside = NaN, here = NaN, count = NaN] = line.trim().split(/\s+/).map(Number);
    if (uid >= here && uid < here + count) return inside + uid - here;
  }
  return uid;
}

/**
 * What a process may read as its own start time, in clock ticks since boot: the same as we read [on Linux 6.18, in a pid
 * namespace], but for a time namespace, which moves the boot.
 *
 * @returns one, or three because what we know of the sum is cut off at a tick
 */
export function startTimesInside(pid: number, startTime: string): string[] {
  if (sharesNamespace(pid, 'time')) return [startTime];
  const movedTicks = bootOffsetTicks(readText(`/proc/${pid}/timens_offsets`) ?? '');
  return [0n, 1n, -1n].map((off) => String(BigInt(startTime) + movedTicks + off));
}

/** @param offsets - Text of /proc/PID/timens_offsets: lines of clock, seconds, nanoseconds */
export function bootOffsetTicks(offsets: string): bigint {
  const [, seconds = '0', nanoseconds = '0'] = /^boottime\s+(-?\d+)\s+(\d+)/m.exec(offsets) ?? [];
  return (BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)) / NANOSECONDS_PER_TICK;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
