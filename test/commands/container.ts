/** Programs in namespaces of their own, as in a container, where the system lets us make some. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { environment } from './memtool.ts';

export const IS_ROOT: boolean = process.geteuid?.() === 0;
/** Whoever is not root is, in a user namespace. */
const BASE = [...(IS_ROOT ? [] : ['--user', '--map-root-user']), '--mount', '--pid', '--fork', '--kill-child'];

export interface Container {
  child: ChildProcess;
  /** Of the program, as we see it; it sees 1. */
  pid: number;
}

/** Whether namespaces can be had here: an unprivileged CI, a hardened kernel or another system has none. */
export function canContain(options: string[] = []): boolean {
  return spawnSync('unshare', [...BASE, '--mount-proc', ...options, 'true']).status === 0;
}

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/**
 * Runs node in a container, until it prints something.
 *
 * @param hidden - A directory with nothing in it there, where what is written is not seen from here.
 */
export async function contain(
  words: string[],
  hidden: string,
  extra: Record<string, string>,
  options: string[] = [],
): Promise<Container> {
  const child = spawn(
    'unshare',
    [...BASE, '--mount-proc', ...options, 'sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', hidden]
      .concat(process.execPath, words), // prettier-ignore
    { env: { ...environment(hidden), ...extra }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
  return { child, pid };
}

/** Runs node as another user, who sees the same files, until it prints something. */
export async function startAs(
  uid: number,
  words: string[],
  extra: Record<string, string>,
): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, words, {
    cwd: '/',
    env: { ...environment(''), ...extra },
    uid,
    gid: uid,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return Object.assign(child, { pid: child.pid ?? 0 });
}
