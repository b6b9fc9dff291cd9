import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';

/** A process that the kernel has killed for want of memory, as its log has it. */
export interface KernelKill {
  /** Milliseconds since 1970; the kernel's clock may be off by some seconds on a machine that runs for months. */
  atMs: number;
  pid: number;
  processName: string;
  anonymousBytes: number | null;
  /** Of control group version 1 or 2; `null` when the log does not say. */
  group: string | null;
  /** The line itself. */
  text: string;
}

export type KernelLog =
  /** `sinceMs`: what happened before is not in it. */
  { kind: 'read'; kills: KernelKill[]; sinceMs: number } | { kind: 'unavailable'; reason: string };

export interface LogLine {
  atMs: number;
  text: string;
}

/** The longest record that the kernel hands out. */
const RECORD_BYTES_MAX = 8192;
/** A log of 16 MiB has 200,000. Read so far, what is asked for is not there. */
const RECORDS_MAX = 500_000;
const JOURNAL_WAIT_MS = 3000;
/** Around the time of a death, which the two clocks may see differently. */
const WINDOW_SECONDS = 600;

/** What a log says of kills: a line that names the group, then one that names what was killed. */
export function parseKills(lines: readonly LogLine[]): KernelKill[] {
  const kills: KernelKill[] = [];
  const groups = new Map<number, string>();
  for (const { atMs, text } of lines) {
    const grouped = /oom-kill:.*?task_memcg=([^,]*).*?,pid=(\d+)/.exec(text);
    if (grouped) groups.set(Number(grouped[2]), grouped[1] ?? '');
    const killed = /[Oo]ut of memory.*: Killed process (\d+) \((.*?)\)/.exec(text);
    if (!killed) continue;
    const pid = Number(killed[1]);
    const anonymousKib = /anon-rss:(\d+)kB/.exec(text)?.[1];
    kills.push({
      atMs,
      pid,
      processName: killed[2] ?? '',
      anonymousBytes: anonymousKib === undefined ? null : Number(anonymousKib) * 1024,
      group: groups.get(pid) ?? null,
      text: text.trim(),
    });
  }
  return kills;
}

/** `6,433,27277500415,-;text`, and lines of properties, which begin with a space. */
export function parseRecord(record: string, bootedAtMs: number): LogLine | undefined {
  const match = /^\d+,\d+,(\d+)[^;]*;([^\n]*)/.exec(record);
  return match ? { atMs: bootedAtMs + Number(match[1]) / 1000, text: match[2] ?? '' } : undefined;
}

/** `1700000000.123456 host kernel: text` */
export function parseJournal(output: string): LogLine[] {
  return output.split('\n').flatMap((line) => {
    const match = /^(\d+\.\d+) \S+ kernel: (.*)$/.exec(line);
    return match ? [{ atMs: Number(match[1]) * 1000, text: match[2] ?? '' }] : [];
  });
}

/** What the kernel itself remembers: since it was started, and not more than fits. */
export function readKernelRing(): KernelLog {
  if (process.platform !== 'linux') return { kind: 'unavailable', reason: 'only Linux has such a log' };
  let file: number;
  try {
    file = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { kind: 'unavailable', reason: refusal(error) };
  }
  try {
    const lines = records(file);
    return { kind: 'read', kills: parseKills(lines), sinceMs: lines[0]?.atMs ?? Date.now() };
  } catch (error) {
    return { kind: 'unavailable', reason: refusal(error) };
  } finally {
    closeSync(file);
  }
}

/** Each read gives one record; 434 of them took 3 ms. */
function records(file: number): LogLine[] {
  const lines: LogLine[] = [];
  const bytes = Buffer.alloc(RECORD_BYTES_MAX);
  const bootedAtMs = Date.now() - Number(process.hrtime.bigint() / 1000n) / 1000;
  for (let count = 0; count < RECORDS_MAX; count += 1) {
    try {
      const length = readSync(file, bytes, 0, RECORD_BYTES_MAX, null);
      const line = parseRecord(bytes.toString('utf8', 0, length), bootedAtMs);
      if (line) lines.push(line);
    } catch (error) {
      const code = codeOf(error);
      // Overwritten while we read: the next one is there.
      if (code === 'EPIPE') continue;
      if (code === 'EAGAIN') break;
      throw error;
    }
  }
  return lines;
}

/**
 * What the system's journal has kept of it; starts a process, for 20 to 100 ms.
 *
 * @param aroundMs - What happened within ten minutes of it
 */
export function readJournal(aroundMs: number): KernelLog {
  const at = Math.round(aroundMs / 1000);
  const { error, status, stdout, stderr } = spawnSync(
    'journalctl',
    [
      '--dmesg', '--boot=all', '--quiet', '--no-pager', '--output=short-unix',
      `--since=@${at - WINDOW_SECONDS}`, `--until=@${at + WINDOW_SECONDS}`,
    ],
    { encoding: 'utf8', timeout: JOURNAL_WAIT_MS, maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'] },
  ); // prettier-ignore
  if (error) return { kind: 'unavailable', reason: `journalctl cannot be run (${codeOf(error) ?? error.message})` };
  const [complaint = ''] = stderr.split('\n');
  const lines = parseJournal(stdout);
  if (lines.length === 0 && (status !== 0 || complaint !== ''))
    return { kind: 'unavailable', reason: `journalctl has nothing of that time${complaint && ` (${complaint})`}` };
  return { kind: 'read', kills: parseKills(lines), sinceMs: (at - WINDOW_SECONDS) * 1000 };
}

function refusal(error: unknown): string {
  const code = codeOf(error);
  return code === 'EPERM' || code === 'EACCES'
    ? `/dev/kmsg is only for root or CAP_SYSLOG here (${code})`
    : `/dev/kmsg cannot be read (${code ?? String(error)})`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
