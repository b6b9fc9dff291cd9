import { MemtoolError } from '../errors.ts';
import { attach as attachTo } from '../inspect/attach/attach.ts';
import { readProcess } from '../inspect/processes.ts';
import { open } from '../inspect/open.ts';
import { IDLE_MS_DEFAULT } from '../protocol.ts';
import type { AttachReport, ProcessAttachment } from '../report/attachment.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { parseBytes, parseSeconds } from '../units.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { show } from './show.ts';

export interface AttachFlags {
  idle?: string;
  sample?: string;
}

/** What is told to the agent. */
interface Told {
  idleMs: number;
  sampleBytes?: number;
}

/** Shorter, and it would be gone before the next question; longer than a timer can hold. */
const IDLE_SECONDS_MIN = 1;
const IDLE_SECONDS_MAX = 7 * 24 * 3600;

/** Closer together they would slow the process down; further apart they would tell nothing. */
const SAMPLE_BYTES_MIN = 16 * 1024;
const SAMPLE_BYTES_MAX = 64 * 1024 * 1024;

/** `memtool attach <target> [--idle 15m] [--sample 512KiB]` */
export function attach(target: string, flags: AttachFlags, context: Context): Promise<number> {
  const told: Told = {
    idleMs: flags.idle === undefined ? IDLE_MS_DEFAULT : idleSeconds(flags.idle) * 1000,
    ...(flags.sample === undefined ? {} : { sampleBytes: sampleBytes(flags.sample) }),
  };
  return show<AttachReport>(
    {
      collect: async () => ({
        schemaVersion: SCHEMA_VERSION,
        command: 'attach',
        processes: [await collect(target, told, context)],
      }),
      load: async () => (await import('../render/attachment.ts')).renderAttachment,
      exitCode: () => EXIT_NOTHING,
    },
    context,
  );
}

async function collect(target: string, told: Told, context: Context): Promise<ProcessAttachment> {
  const pid = await pidOf(target, context);
  const { agent, wasThere, wasInspected } = await attachTo(pid, {
    directory: context.directory,
    timeoutMs: context.timeoutMs,
    ...told,
  });
  const found = readProcess(pid);
  return {
    pid,
    ...(agent.place === undefined || agent.place.pidInside === pid ? {} : { pidInside: agent.place.pidInside }),
    name: found?.name ?? '',
    nodeVersion: null,
    uptimeSeconds: found?.uptimeSeconds ?? 0,
    sampledAt: new Date().toISOString(),
    agent: true,
    changed: !wasThere,
    inspectorWasOpen: wasInspected,
    socket: agent.path,
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

function sampleBytes(sample: string): number {
  const bytes = parseBytes(sample, '--sample');
  if (bytes === 0 || (bytes >= SAMPLE_BYTES_MIN && bytes <= SAMPLE_BYTES_MAX)) return bytes;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--sample is ${sample}: it must be between 16KiB and 64MiB, or 0.`, {
    hint: 'Smaller samples see smaller leaks, and cost the process more time: at 512KiB about 1 %, if it allocates over a gigabyte a second.',
  });
}
