import { existsSync, readFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { pidInside, sharesNamespace } from '../namespaces.ts';
import { isRoot, readProcess, type OsProcess } from '../processes.ts';
import { runsNode } from './executable.ts';
import { readNodeFlags, type NodeFlags } from './node-flags.ts';

/** A process that may be sent SIGUSR1: it runs Node.js, is ours or we are root, and handles it. */
export interface Proven {
  pid: number;
  startTime: string;
  name: string;
  isOurs: boolean;
  /** Its number where it runs itself: in a container another one. */
  pidInside: number;
  flags: NodeFlags;
}

/** Why a process cannot be attached to, as the end of a sentence that begins with its name. */
export interface Unproven {
  reason: string;
  /** What to do instead; `undefined` when waiting helps, or nothing does. */
  hint?: string;
  /** After so long it may be tried again. */
  waitMs?: number;
}

/** A Node that is still starting has no handler for SIGUSR1 yet: in its first 5 ms the signal kills it. */
const BOOT_SECONDS = 1;

/** All that must be known before a signal is sent: SIGUSR1 ends a process that does not handle it. */
export function prove(pid: number): Proven | Unproven {
  const found = readProcess(pid);
  if (!found) return { reason: 'it has ended' };
  if (!found.isOurs && !isRoot())
    return {
      reason: 'it belongs to another user',
      hint: `Run memtool as that user: sudo -u '#${found.uid}' memtool attach ${pid}.`,
    };
  const isNode = runsNode(pid);
  if (isNode === undefined) return { reason: 'its executable cannot be read' };
  if (!isNode) return { reason: 'it is not a Node.js process' };
  const flags = readNodeFlags(pid);
  const restart = `Restart it with an agent: ${restartCommand(found)}.`;
  if (flags.disablesSigusr1) return { reason: 'it was started with --disable-sigusr1', hint: restart };
  if (flags.hasPermissionModel)
    return { reason: 'it runs under the permission model, which keeps its inspector closed', hint: restart };
  if (flags.isUnlisted)
    return { reason: 'its inspector does not say where to connect (--inspect-publish-uid)', hint: restart };
  const state = stateOf(pid);
  if (state === 'T' || state === 't')
    return { reason: 'it is stopped, by SIGSTOP or by a debugger', hint: `Continue it with \`kill -CONT ${pid}\`.` };
  if (!found.handlesSigusr1) return { reason: 'it does not handle SIGUSR1, which would end it', hint: restart };
  if (found.uptimeSeconds < BOOT_SECONDS) {
    const waitMs = Math.ceil((BOOT_SECONDS - found.uptimeSeconds) * 1000);
    return { reason: 'it started less than a second ago', hint: 'Try again in a second.', waitMs };
  }
  if (!sharesNamespace(pid, 'net'))
    return {
      reason: 'its network is that of a container, where its inspector cannot be reached from here',
      hint: networkHint(pid),
    };
  const { startTime, name, isOurs } = found;
  return { pid, startTime, name, isOurs, pidInside: pidInside(pid), flags };
}

export function isProven(proof: Proven | Unproven): proof is Proven {
  return !('reason' in proof);
}

/** Whether an agent could be started in it, as far as can be told without doing anything. */
export function attachability({ pid }: OsProcess): { attachable: boolean; reason: string } {
  const proof = prove(pid);
  return isProven(proof)
    ? { attachable: true, reason: `no agent; \`memtool attach ${pid}\` starts one` }
    : { attachable: false, reason: [proof.reason, proof.hint].filter((part) => part !== undefined).join('. ') };
}

export function restartCommand({ script }: OsProcess): string {
  return script === undefined ? '`node --import memtool/agent app.js`' : `\`memtool run ${script}\``;
}

function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] ?? '';
  } catch {
    return '';
  }
}

/** The agent's own socket is a file, which no network hides: only attaching has to be done from within. */
function networkHint(pid: number): string {
  const hasNsenter = (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, 'nsenter')));
  if (!hasNsenter)
    return `Run memtool inside the container: docker exec <container> npx memtool attach ${pidInside(pid)}.`;
  const asRoot = isRoot() ? '' : 'sudo ';
  return `Attach from within its network with \`${asRoot}nsenter -t ${pid} -n ${ourselves()} attach ${pid}\`; after that \`memtool stats ${pid}\` works from here.`;
}

/** How we were started: another root's PATH, or one without npx, may not have us. */
function ourselves(): string {
  const script = process.argv[1] ?? '';
  return /^memtool(\.js)?$/.test(basename(script)) ? `${process.execPath} ${script}` : 'memtool';
}
