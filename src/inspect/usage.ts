/** CPU and RSS of other processes, through pidusage, which is loaded when the first figure is wanted. */

export interface Usage {
  /** Of one core, since the last look at this process; `null` at the first, when there is nothing to compare with. */
  cpuPercent: number | null;
  rssBytes: number | null;
}

/** On some systems pidusage starts a program for its figures; they are not worth waiting longer for. */
const USAGE_TIMEOUT_MS = 2000;

const seen = new Set<number>();

/** What cannot be had is missing from the answer: a process that has ended, or a system pidusage does not know. */
export async function readUsage(pids: number[]): Promise<Map<number, Usage>> {
  if (pids.length === 0) return new Map();
  // Else it prints its own worries to stderr.
  process.env['PIDUSAGE_SILENT'] = '1';
  const { default: pidusage } = await import('pidusage');
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), USAGE_TIMEOUT_MS);
    });
    const statuses: Record<string, { cpu: number; memory: number } | undefined> | undefined = await Promise.race([
      pidusage([...pids]),
      timeout,
    ]);
    return new Map(
      Object.entries(statuses ?? {}).flatMap(([pid, status]) =>
        status ? [[Number(pid), asUsage(Number(pid), status)]] : [],
      ),
    );
  } catch {
    return new Map();
  } finally {
    clearTimeout(timer);
  }
}

function asUsage(pid: number, status: { cpu: number; memory: number }): Usage {
  const first = !seen.has(pid);
  seen.add(pid);
  return { cpuPercent: first ? null : Math.max(0, status.cpu), rssBytes: status.memory };
}
