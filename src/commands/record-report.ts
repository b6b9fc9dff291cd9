import { SCHEMA_VERSION } from '../report/document.ts';
import type { ProcessRecording, RecordReport } from '../report/recording.ts';
import { createStyle, type Context } from './context.ts';
import type { BegunRecording } from './begun-recording.ts';

export function summaryOf(
  { identity, plan, opened: { recording, resumed }, session, columns }: BegunRecording,
  end: ProcessRecording['end'],
): ProcessRecording {
  const { samples, samplesWithoutAgent, restarts, gaps, series } = session;
  return {
    ...identity,
    pid: session.pid,
    sampledAt: new Date().toISOString(),
    file: plan.fileOf(identity.name),
    format: plan.format,
    bytes: recording.bytes,
    intervalMs: plan.intervalMs,
    seconds: session.elapsedMs / 1000,
    samples,
    samplesWithoutAgent,
    resumed: resumed !== undefined,
    restarts,
    gaps,
    thinnings: recording.thinnings,
    end,
    series,
    ...(columns.isFull ? { columnsLeftOut: true } : {}),
  };
}

export async function writeSummary(
  summary: ProcessRecording,
  output: NodeJS.WriteStream,
  context: Context,
): Promise<void> {
  const report: RecordReport = { schemaVersion: SCHEMA_VERSION, command: 'record', processes: [summary] };
  if (context.json) {
    output.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const { renderRecording } = await import('../render/recording.ts');
  output.write(`${renderRecording(summary, await createStyle(context.color, output))}\n`);
}
