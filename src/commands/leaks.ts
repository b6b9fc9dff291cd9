import { askLeaks } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { DEFAULT_AGE_SECONDS } from '../protocol.ts';
import { isFailure, SCHEMA_VERSION, type LeaksReport, type ProcessLeaks } from '../report.ts';
import { parseSeconds } from '../units.ts';
import { collectEach, needsAgent, nothingRunning } from './collect.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

export interface LeaksFlags {
  age?: string;
}

/** `memtool leaks [target] [--age 300]` */
export async function leaks(target: string | undefined, flags: LeaksFlags, context: Context): Promise<number> {
  const ageSeconds = flags.age === undefined ? DEFAULT_AGE_SECONDS : parseSeconds(flags.age, '--age');
  return show<LeaksReport>(
    {
      collect: () => collect(target, ageSeconds, context),
      load: async () => (await import('../render/leaks.ts')).renderLeaks,
      exitCode: ({ processes }) => exitCodeOf(processes, processes.some(hasFindings) ? EXIT_FINDINGS : EXIT_NOTHING),
    },
    context,
  );
}

async function collect(target: string | undefined, ageSeconds: number, context: Context): Promise<LeaksReport> {
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  const processes = await collectEach(targets, (one) => leaksOf(one, ageSeconds, context));
  return { schemaVersion: SCHEMA_VERSION, command: 'leaks', ageSeconds, processes };
}

async function leaksOf(target: Target, ageSeconds: number, context: Context): Promise<ProcessLeaks> {
  if (target.kind === 'bare') throw needsAgent(target, 'only an agent can tell what is leaked');
  return askLeaks(target.agent, context.timeoutMs, ageSeconds);
}

function hasFindings(found: LeaksReport['processes'][number]): boolean {
  return !isFailure(found) && found.leaks.some(({ verdict }) => verdict === 'leak' || verdict === 'suspect');
}
