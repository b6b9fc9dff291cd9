import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { RecordingClock } from '../recording/clock.ts';
import { ColumnSet } from '../recording/column-set.ts';
import { RECORDING_VERSION, type RecordingHeader } from '../recording/format.ts';
import type { RecordingFile } from '../recording/open.ts';
import type { OpenedRecording, Recording } from '../recording/recording.ts';
import type { ProcessIdentity } from '../report/document.ts';
import type { RecordPlan } from './record-flags.ts';
import { RecordSession, type SessionOptions } from './record-session.ts';
import type { RecordedProcess } from './recorded-process.ts';

/** What is recorded, and into which file. */
export interface RecordingStart extends Pick<SessionOptions, 'signal' | 'successor'> {
  identity: ProcessIdentity;
  plan: RecordPlan;
  file: RecordingFile;
  first: RecordedProcess;
  onSample?: (session: RecordSession, recording: Recording) => void;
}

export interface BegunRecording {
  identity: ProcessIdentity;
  plan: RecordPlan;
  opened: OpenedRecording;
  clock: RecordingClock;
  columns: ColumnSet;
  session: RecordSession;
}

/** Begins a recording, or goes on with what is in its file; nothing is sampled yet. */
export function beginRecording(start: RecordingStart): BegunRecording {
  const { identity, plan, file, first, signal, successor, onSample } = start;
  const opened = file.begin(headerOf(identity, plan), plan);
  const { clock, columns } = resume(opened, identity.pid);
  const session = new RecordSession(first, {
    ...plan,
    recording: opened.recording,
    clock,
    columns,
    signal,
    ...(successor === undefined ? {} : { successor }),
    onSample: (one) => onSample?.(one, opened.recording),
  });
  return { identity, plan, opened, clock, columns, session };
}

function headerOf({ name, pid, nodeVersion }: ProcessIdentity, { intervalMs }: RecordPlan): RecordingHeader {
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
function resume({ recording, resumed }: OpenedRecording, pid: number): { clock: RecordingClock; columns: ColumnSet } {
  if (resumed === undefined) return { clock: new RecordingClock(Date.now()), columns: new ColumnSet() };
  const clock = new RecordingClock(resumed.startedAtMs, resumed.lastT);
  const t = clock.now();
  recording.event({ event: 'gap', t: resumed.lastT, untilT: t, reason: 'memtool did not record' });
  if (resumed.pid !== pid) recording.event({ event: 'restart', t, pid });
  return { clock, columns: new ColumnSet(resumed.columns) };
}
