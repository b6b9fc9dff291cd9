import type { Style } from '../render/style.ts';
import { createStyle, EXIT_FAILURE, type Context } from './context.ts';
import { startProgress } from './progress.ts';
import { isFailure } from '../report/document.ts';

export type Draw<Report> = (report: Report, style: Style) => string;

/** A command: where its report comes from, how it is drawn and what the shell is told. */
export interface View<Report> {
  collect(): Promise<Report>;
  /** Loads what draws the report; with `--json` nothing of it is loaded. */
  load(): Promise<Draw<Report>>;
  exitCode(report: Report): number;
  /** It shows its own progress. */
  isWatched?: boolean;
}

/** Collects and writes, once or again and again. */
export async function show<Report extends { processes: object[] }>(
  view: View<Report>,
  context: Context,
): Promise<number> {
  if (context.watchSeconds !== undefined) {
    const { watch } = await import('./watch.ts');
    return watch(view, context, context.watchSeconds);
  }
  const progress =
    view.isWatched === true ? undefined : startProgress(context, 'Waiting for an answer', context.timeoutMs);
  try {
    const [report, draw] = await Promise.all([view.collect(), context.json ? undefined : view.load()]);
    progress?.stop();
    context.output.write(
      `${draw ? draw(report, await createStyle(context.color, context.output)) : JSON.stringify(report)}\n`,
    );
    return view.exitCode(report);
  } finally {
    progress?.stop();
  }
}

/** Failure of one process outweighs what was found in the others. */
export function exitCodeOf(processes: object[], code: number): number {
  return processes.some((found) => isFailure(found)) ? EXIT_FAILURE : code;
}
