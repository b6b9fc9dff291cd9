import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { attach } from '../../src/inspect/attach/attach.ts';
import { askDetach } from '../../src/inspect/client.ts';
import { vanishesSocket, type AgentTarget } from '../../src/inspect/discover.ts';
import { executable } from './install.ts';

/** Attaching leaves a process alone that is younger. */
const BOOT_MS = 1100;
const TIMEOUT_MS = 10_000;

export const BUNDLES: URL = new URL('../../dist/', import.meta.url);

/** A program on some version of Node.js that never heard of memtool. */
export class Target {
  readonly child: ChildProcess;
  readonly directory: string;

  private constructor(child: ChildProcess, directory: string) {
    this.child = child;
    this.directory = directory;
  }

  static async start(major: number, words: string[], directory: string): Promise<Target> {
    const child = spawn(executable(major), ['--inspect-port=0', ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, MEMTOOL_DIR: directory },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.stdout.resume();
    await sleep(BOOT_MS);
    return new Target(child, directory);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get threads(): number {
    return readdirSync(`/proc/${this.pid}/task`).length;
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  get rssBytes(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))?.[1];
    return Number(kib) * 1024;
  }

  async attach(): Promise<AgentTarget> {
    const { pid, directory } = this;
    const { agent } = await attach(pid, { directory, timeoutMs: TIMEOUT_MS, idleMs: 60_000, bundles: BUNDLES });
    return agent;
  }

  async detach(agent: AgentTarget): Promise<void> {
    await askDetach(agent, TIMEOUT_MS);
    await vanishesSocket(agent, TIMEOUT_MS);
  }

  /** Waits until as many threads run in it, and files are open, as before. */
  async settles(threads: number, descriptors: number): Promise<void> {
    for (let poll = 0; poll < 500; poll += 1) {
      if (this.threads === threads && this.descriptors === descriptors) return;
      await sleep(20);
    }
  }
}
