import { MemtoolError } from '../errors.ts';
import { askCleanup, askHealth } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { DEFAULT_AGE_SECONDS, type CleanupRequest } from '../protocol.ts';
import type { CleanupReport, ProcessCleanup } from '../report/cleanup.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { formatSeconds, parseSeconds } from '../units.ts';
import { collectEach, identify, needsAgent, nothingRunning } from './collect.ts';
import { confirm } from './confirm.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

export interface CleanupFlags {
  age?: string;
  pool?: string;
  gc?: boolean;
  dryRun?: boolean;
  force?: boolean;
  yes?: boolean;
}

/** `memtool cleanup [target] [--age 300] [--pool temp] [--gc] [--dry-run] [--force] [--yes]` */
export async function cleanup(target: string | undefined, flags: CleanupFlags, context: Context): Promise<number> {
  const request: CleanupRequest = {
    ageSeconds: flags.age === undefined ? DEFAULT_AGE_SECONDS : parseSeconds(flags.age, '--age'),
    ...(flags.pool === undefined ? {} : { pool: flags.pool }),
    gc: flags.gc ?? false,
    dryRun: flags.dryRun ?? false,
    force: flags.force ?? false,
  };
  const targets = await chosen(target, context);
  await confirmed(target, targets, flags, request.ageSeconds, context);
  return show<CleanupReport>(
    {
      collect: () => collect(targets, request, context),
      load: async () => (await import('../render/cleanup.ts')).renderCleanup,
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    context,
  );
}

/** Giving memory back changes a process, so which one must be said whenever there is a choice. */
async function chosen(target: string | undefined, context: Context): Promise<Target[]> {
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  if (targets.length === 1 || target === 'all') return targets;
  // `all` is every process that has an agent, which may be more than those that share this name.
  const everyOne = target === undefined ? ', or all of them: `memtool cleanup all`' : '';
  throw new MemtoolError(
    'MEMTOOL_SEVERAL_PROCESSES',
    `There are ${targets.length} processes to choose from: ${await listed(targets, context)}.`,
    {
      hint: `Name one, for example \`memtool cleanup ${targets[0] ? identify(targets[0]).pid : ''}\`${everyOne}.`,
    },
  );
}

/** What takes memory away from its holder, or works on every process, asks first. */
async function confirmed(
  target: string | undefined,
  targets: Target[],
  flags: CleanupFlags,
  ageSeconds: number,
  context: Context,
): Promise<void> {
  if (flags.dryRun || flags.yes || (!flags.force && target !== 'all')) return;
  const names = await listed(targets, context);
  const question = flags.force
    ? `--force also takes what is older than ${formatSeconds(ageSeconds)} and may still be in use: the application gets an error when it uses it again.\nGo on with ${names}?`
    : `Clean up ${names}?`;
  await confirm(question, flags.force ? '--force' : '`all`', context);
}

async function collect(targets: Target[], request: CleanupRequest, context: Context): Promise<CleanupReport> {
  const processes = await collectEach(targets, (one) => cleanupOf(one, request, context));
  return {
    schemaVersion: SCHEMA_VERSION,
    command: 'cleanup',
    ageSeconds: request.ageSeconds,
    dryRun: request.dryRun ?? false,
    processes,
  };
}

async function cleanupOf(target: Target, request: CleanupRequest, context: Context): Promise<ProcessCleanup> {
  if (target.kind === 'bare') throw needsAgent(target, 'only an agent can give its memory back');
  return askCleanup(target.agent, context.timeoutMs, request);
}

/** By the names the applications gave themselves, where they answer. */
async function listed(targets: Target[], { timeoutMs }: Context): Promise<string> {
  const names = targets.map(async (target) => {
    const { pid, name } = identify(target);
    const health =
      target.kind === 'agent' ? await askHealth(target.agent, timeoutMs).catch(() => undefined) : undefined;
    return `${pid} (${health?.name ?? name})`;
  });
  return (await Promise.all(names)).join(', ');
}
