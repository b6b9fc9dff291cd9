import { askPressure } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { isFailure, SCHEMA_VERSION } from '../report/document.ts';
import { worstLevel } from '../report/level.ts';
import type { PressureReport, ProcessPressure } from '../report/pressure.ts';
import { barePressure } from './bare-report.ts';
import { collectEach, nothingRunning } from './collect.ts';
import { addContainer } from './container-pressure.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { SinceStart } from './since-start.ts';
import { exitCodeOf, show } from './show.ts';

/** `memtool pressure [target]` */
export function pressure(target: string | undefined, context: Context): Promise<number> {
  const since = context.watchSeconds === undefined ? undefined : new SinceStart();
  return show<PressureReport>(
    {
      collect: async () => {
        const report = await collect(target, context);
        since?.notePressure(report);
        return report;
      },
      load: async () => (await import('../render/pressure.ts')).renderPressure,
      exitCode: ({ level, processes }) => exitCodeOf(processes, level === 'normal' ? EXIT_NOTHING : EXIT_FINDINGS),
    },
    context,
  );
}

async function collect(target: string | undefined, context: Context): Promise<PressureReport> {
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  const processes = await collectEach(targets, (one) => pressureOf(one, context));
  const level = worstLevel(processes.flatMap((found) => (isFailure(found) ? [] : [found])));
  return { schemaVersion: SCHEMA_VERSION, command: 'pressure', level, processes };
}

export async function pressureOf(target: Target, context: Context): Promise<ProcessPressure> {
  return addContainer(
    target.kind === 'agent' ? await askPressure(target.agent, context.timeoutMs) : barePressure(target),
  );
}
