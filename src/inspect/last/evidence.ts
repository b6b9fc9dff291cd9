import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BoxGroup } from '../../black-box/notes.ts';
import { readJournal, readKernelRing, type KernelKill, type KernelLog } from './kernel-log.ts';

/** A kill is in the log before the process is gone. */
const COVERED_BEFORE_MS = 2000;

/** What the system says of a process that is gone; asked only when it is needed, and each thing once. */
export class Evidence {
  readonly #asksJournal: boolean;
  #ring: KernelLog | undefined;

  /** @param asksJournal - Which starts a process for each time that is asked for */
  constructor(asksJournal: boolean) {
    this.#asksJournal = asksJournal;
  }

  /**
   * The kernel's log: from /dev/kmsg, else from the journal where that may not be read or begins later.
   *
   * @param aroundMs - What happened then is looked for
   */
  kernelLog(aroundMs: number): KernelLog {
    this.#ring ??= readKernelRing();
    const ring = this.#ring;
    if (ring.kind === 'read' && ring.sinceMs <= aroundMs - COVERED_BEFORE_MS) return ring;
    const reason = ring.kind === 'read' ? '/dev/kmsg begins later' : ring.reason;
    if (!this.#asksJournal) return { kind: 'unavailable', reason };
    const journal = readJournal(aroundMs);
    return journal.kind === 'read' ? journal : { kind: 'unavailable', reason: `${reason}; ${journal.reason}` };
  }

  /** Kills that the very same group has counted by now; `null` when it is gone, or not to be seen from here. */
  oomKills({ eventsFile, inode }: BoxGroup): number | null {
    try {
      // A container that was started again is another group by the same path.
      if (statSync(dirname(eventsFile)).ino !== inode) return null;
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(eventsFile, 'utf8'))?.[1];
      return count === undefined ? null : Number(count);
    } catch {
      return null;
    }
  }

  bootId(): string | null {
    try {
      return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      return null;
    }
  }
}

export interface Victim {
  pid: number;
  /** Whether the kernel has the same pid for it. */
  hasHostPid: boolean;
  group: string | null;
  lastAtMs: number;
}

/** The kernel's clock is not set by anybody, and a pid is not given out again so soon to be killed like that. */
const SAME_PID_WINDOW_MS = 300_000;
const SAME_GROUP_WINDOW_MS = 15_000;

/** The kill that was this process: by its pid, or in a container by its group and time. */
export function killOf(
  { pid, hasHostPid, group, lastAtMs }: Victim,
  kills: readonly KernelKill[],
): { kill: KernelKill; isCertain: boolean } | undefined {
  const distance = (kill: KernelKill): number => Math.abs(kill.atMs - lastAtMs);
  const byTime = kills.toSorted((a, b) => distance(a) - distance(b));
  if (hasHostPid) {
    const kill = byTime.find((one) => one.pid === pid && distance(one) <= SAME_PID_WINDOW_MS);
    return kill && { kill, isCertain: true };
  }
  const kill = byTime.find(
    (one) =>
      distance(one) <= SAME_GROUP_WINDOW_MS &&
      (group === null || group === '/' || one.group === null || one.group === group),
  );
  return kill && { kill, isCertain: false };
}
