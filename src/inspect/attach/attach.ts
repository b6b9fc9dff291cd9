import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemtoolError } from '../../errors.ts';
import type { AgentTarget } from '../discover.ts';
import { isAlive, vanishes } from '../liveness.ts';
import { Guard } from './guard.ts';
import { CLOSING, injection, INTRODUCTION, isIntroduction, type Introduction } from './injection.ts';
import { InspectorClient, NoAnswer } from './inspector-client.ts';
import { listListeners, ownListeners, type Listener } from './listeners.ts';
import { takeLock } from './lock.ts';
import { isProven, prove, type Proven } from './proof.ts';
import { siteOf, type Site } from './site.ts';

export interface AttachOptions {
  /** Where the sockets are, of processes of ours that see the same files. */
  directory: string;
  timeoutMs: number;
  /** After so long without a request the agent goes away by itself. */
  idleMs: number;
  /** Mean of the bytes between two samples of the heap, other than the default. */
  sampleBytes?: number;
  /** Where the built files are that are sent into the process; by default beside this one. */
  bundles?: URL;
}

export interface Attached {
  agent: AgentTarget;
  /** It had an agent already. */
  wasThere: boolean;
  /** Its inspector was open before, and is open still. */
  wasInspected: boolean;
}

/** An open inspector of the process. */
interface OpenInspector {
  listener: Listener;
  client: InspectorClient;
  /** It was open before we came, and is left open. */
  wasOpen: boolean;
}

const LOCALHOST = '127.0.0.1';
const LOOPBACK = [LOCALHOST, '0.0.0.0', '::', '::1'];
/** Whether something is an inspector shows at once. */
const LOOK_MS = 300;
const OPEN_POLL_MS = 10;
const OPEN_POLL_MS_MAX = 50;
const CLOSE_POLL_MS = 5;
const SOCKET_POLL_MS = 2;

/**
 * Starts an agent in a Node.js process that was started without one, through its inspector, which is closed again. Nothing
 * is sent to a process that might not survive it.
 *
 * @throws MemtoolError `MEMTOOL_CANNOT_ATTACH` with the reason, `MEMTOOL_TARGET_GONE`, `MEMTOOL_TIMEOUT`
 */
export async function attach(pid: number, options: AttachOptions): Promise<Attached> {
  const until = performance.now() + options.timeoutMs;
  const { bundles = new URL('./', import.meta.url) } = options;
  const target = await provenInTime(pid, until);
  const site = siteOf(target, options.directory);
  if (site === undefined)
    throw cannot(target, 'its MEMTOOL_DIR or TMPDIR is not an absolute path', 'Restart it with one that is.');
  const present = site.find();
  if (present) return { agent: present, wasThere: true, wasInspected: false };
  site.prepare();
  const release = await takeLock(left(until));
  if (release === undefined)
    throw cannot(target, 'another memtool is attaching to something', 'Try again in a moment.');
  let guard: Guard | undefined;
  try {
    const known = ownListeners(pid).map(({ inode }) => inode);
    const inspector =
      (await openAlready(target)) ??
      (await openBySignal(target, known, until, () => {
        guard = Guard.start(target, known, bundles);
        guard.begin();
      }));
    const who = await introduce(target, inspector, until);
    const isIn = who.socketPath === null;
    if (isIn) {
      const { directory } = site;
      const { idleMs, sampleBytes } = options;
      const told = { directory, idleMs, ...(sampleBytes === undefined ? {} : { sampleBytes }) };
      const text = injection(bundles, target.pidInside, told, !inspector.wasOpen);
      await inspector.client.evaluateLast(text, left(until));
    } else await leave(inspector, until);
    if (!inspector.wasOpen) await closed(target, inspector.listener, until);
    guard?.done();
    guard = undefined;
    const agent = who.socketPath === null ? await listens(target, site, until) : site.findNamed(who.socketPath);
    if (agent === undefined) throw cannot(target, `the socket of its agent cannot be reached (${who.socketPath})`);
    return { agent, wasThere: !isIn, wasInspected: inspector.wasOpen };
  } catch (error) {
    if (!isAlive(target)) throw gone(target);
    if (error instanceof MemtoolError) throw error;
    // A process that ends closes its inspector a moment before it leaves.
    if (await vanishes(target)) throw gone(target);
    throw cannot(
      target,
      `its inspector broke off (${error instanceof Error ? error.message : String(error)})`,
      'Nothing was left behind. Try again.',
    );
  } finally {
    guard?.takeOver();
    release();
  }
}

/** A process that is only too young is waited for: less than a second. */
async function provenInTime(pid: number, until: number): Promise<Proven> {
  const proof = prove(pid);
  if (!isProven(proof) && proof.waitMs !== undefined && proof.waitMs < left(until)) await sleep(proof.waitMs);
  return proven(pid);
}

function proven(pid: number): Proven {
  const proof = prove(pid);
  if (isProven(proof)) return proof;
  throw new MemtoolError('MEMTOOL_CANNOT_ATTACH', `Process ${pid} cannot be attached to: ${proof.reason}.`, {
    hint: proof.hint,
  });
}

/** An inspector that was open before we came: --inspect, or somebody else's SIGUSR1. */
async function openAlready(target: Proven): Promise<OpenInspector | undefined> {
  const own = ownListeners(target.pid).filter(({ address }) => LOOPBACK.includes(address));
  // Only where it would be, unless it is said to be open: a server of the application's own is not spoken to.
  const likely = target.flags.isInspected ? own : own.filter(({ port }) => port === target.flags.port);
  for (const listener of likely) {
    try {
      return { listener, client: await InspectorClient.open(listener.port, LOOK_MS), wasOpen: true };
    } catch {
      // Something else listens there.
    }
  }
  return undefined;
}

async function openBySignal(
  target: Proven,
  known: readonly string[],
  until: number,
  beforeSignal: () => void,
): Promise<OpenInspector> {
  const { pid, flags } = target;
  if (!hasLoopback())
    throw cannot(
      target,
      'the loopback interface of its network is down',
      'Start it with `ip link set lo up` in there.',
    );
  if (flags.port !== 0) await portIsFree(target, until);
  // As near to the signal as can be: a pid may be another's by now.
  if (proven(pid).startTime !== target.startTime) throw gone(target);
  beforeSignal();
  process.kill(pid, 'SIGUSR1');
  const before = new Set(known);
  for (let waitMs = OPEN_POLL_MS; performance.now() < until; waitMs = Math.min(waitMs * 1.3, OPEN_POLL_MS_MAX)) {
    await sleep(waitMs);
    const listener = ownListeners(pid, listListeners(pid, ['tcp'])).find(
      ({ inode, port }) => !before.has(inode) && (flags.port === 0 || port === flags.port),
    );
    if (listener) return { listener, client: await InspectorClient.open(listener.port, left(until)), wasOpen: false };
    if (!isAlive(target)) throw gone(target);
  }
  throw cannot(
    target,
    'its inspector did not open: the application may handle SIGUSR1 itself, or its main thread is inside a native call',
    'If it handles SIGUSR1, restart it with `node --import memtool/agent app.js`; if it is only busy, try again with --timeout 30.',
  );
}

/** Where the network is a namespace of its own it may be down, and an inspector that was opened could not be closed. */
function hasLoopback(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === LOCALHOST),
  );
}

/** @throws when another process listens there: its answers would be taken for the target's */
async function portIsFree(target: Proven, until: number): Promise<void> {
  const { pid, flags } = target;
  // An inspector that was just closed by another attach takes a moment.
  const patience = Math.min(until, performance.now() + 1000);
  while (listListeners(pid, ['tcp']).some(({ port }) => port === flags.port)) {
    if (performance.now() > patience) {
      throw cannot(
        target,
        `port ${flags.port}, where its inspector would open, is taken by another process`,
        `See whose it is with \`ss -ltnp 'sport = :${flags.port}'\`, or start the target with \`--inspect-port=0\`.`,
      );
    }
    await sleep(OPEN_POLL_MS_MAX);
  }
}

/** Asks who is there, before anything is done. */
async function introduce(target: Proven, inspector: OpenInspector, until: number): Promise<Introduction> {
  let who: unknown;
  try {
    who = await inspector.client.evaluate(INTRODUCTION, left(until));
  } catch (error) {
    inspector.client.destroy();
    if (!(error instanceof NoAnswer)) throw error;
    throw cannot(
      target,
      'its main thread is inside a native call, and does not answer until that returns',
      'Try again in a while, or with --timeout 30.',
    );
  }
  if (!isIntroduction(who) || who.pid !== target.pidInside) {
    inspector.client.destroy();
    throw cannot(target, `another process answers on port ${inspector.listener.port}`);
  }
  if (who.isUsable) return who;
  await leave(inspector, until);
  throw cannot(
    target,
    `it runs Node.js ${who.version}, which is too old for an agent`,
    'Node.js 20.16 or newer is needed.',
  );
}

/** Goes away and leaves the inspector as it was. */
async function leave({ client, wasOpen }: OpenInspector, until: number): Promise<void> {
  if (wasOpen) client.destroy();
  else await client.evaluateLast(CLOSING, left(until));
}

async function closed(target: Proven, { port, inode }: Listener, until: number): Promise<void> {
  while (listListeners(target.pid, ['tcp']).some((one) => one.port === port && one.inode === inode)) {
    if (performance.now() > until) {
      throw cannot(target, 'its inspector has not closed in time', 'It closes as soon as its main thread comes back.');
    }
    await sleep(CLOSE_POLL_MS);
  }
}

async function listens(target: Proven, site: Site, until: number): Promise<AgentTarget> {
  for (;;) {
    const agent = site.find();
    if (agent) return agent;
    if (!isAlive(target)) throw gone(target);
    const failure = site.failure();
    if (failure !== undefined) throw cannot(target, `its agent failed: ${failure}`);
    if (performance.now() > until) {
      throw new MemtoolError('MEMTOOL_TIMEOUT', `The agent in process ${target.pid} did not come up in time.`, {
        hint: 'Ask again with `memtool stats`: it may only be slow. Or wait longer with --timeout 30.',
      });
    }
    await sleep(SOCKET_POLL_MS);
  }
}

function left(until: number): number {
  return Math.max(1, until - performance.now());
}

function cannot({ pid, name }: Proven, reason: string, hint?: string): MemtoolError {
  return new MemtoolError('MEMTOOL_CANNOT_ATTACH', `Process ${pid} (${name}) cannot be attached to: ${reason}.`, {
    hint,
  });
}

function gone({ pid, name }: Proven): MemtoolError {
  return new MemtoolError('MEMTOOL_TARGET_GONE', `Process ${pid} (${name}) has ended.`, {
    hint: 'Run `memtool ps` to see what is running now.',
  });
}
