import { MemtoolError } from '../errors.ts';
import { attach as attachTo } from '../inspect/attach/attach.ts';
import { readProcess } from '../inspect/processes.ts';
import { open } from '../inspect/open.ts';
import { IDLE_MS_DEFAULT } from '../protocol.ts';
import { SCHEMA_VERSION, type AttachReport, type ProcessAttachment } from '../report.ts';
import { parseSeconds } from '../units.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { show } from './show.ts';

export interface AttachFlags {
  idle?: string;
}

/** Shorter, and it would be gone before the next question; longer than a timer can hold. */
const IDLE_SECONDS_MIN = 1;
const IDLE_SECONDS_MAX = 7 * 24 * 3600;

/** `memtool attach <target> [--idle 15m]` */
export function attach(target: string, flags: AttachFlags, context: Context): Promise<number> {
  const idleMs = flags.idle === undefined ? IDLE_MS_DEFAULT : idleSeconds(flags.idle) * 1000;
  return show<AttachReport>(
    {
      collect: async () => ({
        schemaVersion: SCHEMA_VERSION,
        command: 'attach',
        processes: [await collect(target, idleMs, context)],
      }),
      load: async () => (await import('../render/attachment.ts')).renderAttachment,
      exitCode: () => EXIT_NOTHING,
    },
    context,
  );
}

async function collect(target: string, idleMs: number, context: Context): Promise<ProcessAttachment> {
  const pid = await pidOf(target, context);
  const { path, wasThere, wasInspected } = await attachTo(pid, {
    directory: context.directory,
    timeoutMs: context.timeoutMs,
    idleMs,
  });
  const found = readProcess(pid);
  return {
    pid,
    name: found?.name ?? '',
    nodeVersion: null,
    uptimeSeconds: found?.uptimeSeconds ?? 0,
    sampledAt: new Date().toISOString(),
    agent: true,
    changed: !wasThere,
    inspectorWasOpen: wasInspected,
    socket: path,
  };
}

/** A name can only be that of a process with an agent: attaching wants the number of one without. */
async function pidOf(target: string, context: Context): Promise<number> {
  if (/^\d+$/.test(target)) return Number(target);
  const [found] = await open(target, { ...context, attach: false });
  if (found?.kind === 'agent') return found.agent.pid;
  throw new MemtoolError('MEMTOOL_USAGE', `${JSON.stringify(target)} is no pid.`, {
    hint: 'Run `memtool ps` to see the pids of what can be attached to.',
  });
}

function idleSeconds(idle: string): number {
  const seconds = parseSeconds(idle, '--idle');
  if (seconds >= IDLE_SECONDS_MIN && seconds <= IDLE_SECONDS_MAX) return seconds;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--idle is ${idle}: it must be between 1s and 7d.`, {
    hint: 'For example: --idle 1h',
  });
}
