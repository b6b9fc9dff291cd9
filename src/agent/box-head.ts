import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { BoxGroup, Head, PoolColumn } from '../black-box/notes.ts';
import { POOLS_MAX } from '../black-box/layout.ts';
import { boundedText } from './bounded-text.ts';

export interface HeadSources {
  scriptName: string;
  startTime: string;
  memtoolVersion: string;
  group: BoxGroup | null;
}

/** PROC_PID_INIT_INO of the kernel: who is in this namespace has the pid that the kernel's log shows. */
const HOST_PID_NAMESPACE = 'pid:[4026531836]';

const NAME_CHARACTERS_MAX = 64;
/** The whole head is 8 KiB, and a character may be three bytes. */
const SCRIPT_CHARACTERS_MAX = 256;

/** Which process the black box is of, and which pool has which column. */
export class BoxHead {
  readonly #fixed: Omit<Head, 'name' | 'pools' | 'poolsLeftOut'>;
  readonly #columns = new Map<string, { index: number; column: PoolColumn }>();
  readonly #leftOut = new Set<string>();
  #name = '';
  #isChanged = true;

  constructor({ scriptName, startTime, memtoolVersion, group }: HeadSources) {
    this.#fixed = {
      scriptName: boundedText(scriptName, SCRIPT_CHARACTERS_MAX),
      pid: process.pid,
      startTime,
      startedAtMs: Date.now() - process.uptime() * 1000,
      nodeVersion: process.version,
      memtoolVersion,
      hostname: boundedText(hostname(), NAME_CHARACTERS_MAX),
      bootId: bootId(),
      hasHostPid: hasHostPid(),
      group,
    };
  }

  /** The name of the process: its first manager's, else its script's. */
  set name(name: string) {
    const bounded = boundedText(name, SCRIPT_CHARACTERS_MAX);
    this.#isChanged ||= bounded !== this.#name;
    this.#name = bounded;
  }

  /** By manager and name: those of several ledgers that are called the same share one. @returns `undefined` when all are given out */
  column(manager: string, name: string, limitBytes: number | null): number | undefined {
    const key = JSON.stringify([manager, name]);
    const known = this.#columns.get(key);
    if (known) {
      this.#isChanged ||= known.column.limitBytes !== limitBytes;
      known.column.limitBytes = limitBytes;
      return known.index;
    }
    const index = this.#columns.size;
    if (index === POOLS_MAX) {
      this.#leaveOut(key);
      return undefined;
    }
    const column = {
      manager: boundedText(manager, NAME_CHARACTERS_MAX),
      name: boundedText(name, NAME_CHARACTERS_MAX),
      limitBytes,
    };
    this.#columns.set(key, { index, column });
    this.#isChanged = true;
    return index;
  }

  /** When it has changed since it was asked for. */
  take(): Head | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    const pools = [...this.#columns.values()].map(({ column }) => column);
    return { ...this.#fixed, name: this.#name || this.#fixed.scriptName, pools, poolsLeftOut: this.#leftOut.size };
  }

  /** Bounded: an application may make up a pool a second. */
  #leaveOut(key: string): void {
    if (this.#leftOut.has(key) || this.#leftOut.size >= 1000) return;
    this.#leftOut.add(key);
    this.#isChanged = true;
  }
}

function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

function hasHostPid(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === HOST_PID_NAMESPACE;
  } catch {
    return false;
  }
}
