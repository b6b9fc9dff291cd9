import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { RecordingClock } from '../recording/clock.ts';
import { ColumnSet } from '../recording/column-set.ts';
import { RECORDING_VERSION, type RecordingHeader } from '../recording/format.ts';
import type { OpenedRecording } from '../recording/recording.ts';
import { SCHEMA_VERSION, type ProcessIdentity } from '../report/document.ts';
import type { ProcessRecording, RecordReport } from '../report/recording.ts';
import { createStyle, type Context } from './context.ts';
import type { RecordPlan } from './record-flags.ts';
import type { RecordSession } from './record-session.ts';

export function headerOf({ name, pid, nodeVersion }: ProcessIdentity, { intervalMs }: RecordPlan): RecordingHeader {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return {
    memtoolRecording: RECORDING_VERSION,
    name,
    pid,
    nodeVersion,
    startedAt: new Date().toISOString(),
    intervalMs,
    memtoolVersion: version,
    hostname: hostname(),
  };
}

/** Says in the file what happened while nobody recorded. */
export function resume(
  { recording, resumed }: OpenedRecording,
  pid: number,
): { clock: RecordingClock; columns: ColumnSet } {
  if (resumed === undefined) return { clock: new RecordingClock(Date.now()), columns: new ColumnSet() };
  const clock = new RecordingClock(resumed.startedAtMs, resumed.lastT);
  const t = clock.now();
  recording.event({ event: 'gap', t: resumed.lastT, untilT: t, reason: 'memtool did not record' });
  if (resumed.pid !== pid) recording.event({ event: 'restart', t, pid });
  return { clock, columns: new ColumnSet(resumed.columns) };
}

export interface Recorded {
  identity: ProcessIdentity;
  plan: RecordPlan;
  opened: OpenedRecording;
  session: RecordSession;
  columns: ColumnSet;
}

export function summaryOf(
  { identity, plan, opened: { recording, resumed }, session, columns }: Recorded,
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
