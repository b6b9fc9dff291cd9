import { MemtoolError } from '../errors.ts';
import { askHealth } from '../inspect/client.ts';
import { findNamed } from '../inspect/named.ts';
import { open, type Target } from '../inspect/open.ts';
import { RecordingFile } from '../recording/open.ts';
import type { Recording } from '../recording/recording.ts';
import type { ProcessIdentity } from '../report/document.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import { bareIdentity, identify, nothingRunning } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { beginRecording } from './begun-recording.ts';
import { startProgress } from './progress.ts';
import { Endings } from './record-endings.ts';
import { readPlan, type RecordFlags, type RecordPlan } from './record-flags.ts';
import { summaryOf, writeSummary } from './record-report.ts';
import { recordProgram } from './record-started.ts';
import { RecordedProcess } from './recorded-process.ts';
import type { RecordSession } from './record-session.ts';

export type { RecordFlags };

/** Lines in the log of who records for a day. */
const PLAIN_PROGRESS_MS: number = 10 * 60 * 1000;
/** `memtool record [target] [--interval 1s] [--for 24h] [-o FILE] [--format jsonl|csv]`, or `memtool record -- node app.js` */
export async function record(
  target: string | undefined,
  program: string[] | undefined,
  flags: RecordFlags,
  context: Context,
): Promise<number> {
  const plan = readPlan(flags);
  if (program === undefined) return recordTarget(target, plan, context);
  if (target === undefined) return recordProgram(program, plan, context);
  throw new MemtoolError('MEMTOOL_USAGE', `There are two things to record: ${target}, and a program to start.`, {
    hint: 'Give one of them: `memtool record 4242`, or `memtool record -- node app.js`.',
  });
}

async function recordTarget(target: string | undefined, plan: RecordPlan, context: Context): Promise<number> {
  const found = only(await open(target, context));
  const identity = await identityOf(found, context);
  const first = asRecorded(found, plan, context);
  if (found.kind === 'bare' && !context.json) {
    context.errors.write(
      `Recording what the system knows of ${identity.name} (${identity.pid}): ${bareIdentity(found).unavailable['pools']}\n\n`,
    );
  }
  // A pid is one process, and a name is whatever has it.
  const isNamed = found.kind === 'agent' && !/^\d+$/.test(target ?? '');
  const successor = async (ended: RecordedProcess): Promise<RecordedProcess | undefined> => {
    const next = (await findNamed(identity.name, context.directory, context.timeoutMs)).find(
      ({ pid, startTime }) => pid !== ended.life.pid || startTime !== ended.life.startTime,
    );
    return next && asRecorded({ kind: 'agent', agent: next }, plan, context);
  };
  const file = await RecordingFile.open(plan.fileOf(identity.name), plan.format, identity.name);
  const endings = new Endings();
  endings.listen();
  const progress = startProgress(context, `Recording ${identity.name}`, plan.forMs, {
    showAfterMs: context.errors.isTTY ? 0 : undefined,
    plainIntervalMs: PLAIN_PROGRESS_MS,
  });
  try {
    const begun = beginRecording({
      identity,
      plan,
      file,
      first,
      signal: endings.signal,
      ...(isNamed ? { successor } : {}),
      onSample: (session, recording) => progress.update(...progressOf(session, recording, plan)),
    });
    const end = await begun.session.run();
    progress.stop();
    if (end === 'gone' && begun.session.samples === 0) throw goneAtOnce(identity);
    await writeSummary(summaryOf(begun, end), context.output, context);
    return EXIT_NOTHING;
  } finally {
    progress.stop();
    endings.stop();
    file.close();
  }
}

function only(targets: Target[]): Target {
  const [first, second] = targets;
  if (first === undefined) throw nothingRunning();
  if (second === undefined) return first;
  const listed = targets.map(identify).map(({ pid, name }) => `${pid} (${name})`);
  throw new MemtoolError(
    'MEMTOOL_SEVERAL_PROCESSES',
    `There are ${targets.length} processes to choose from, and a recording is of one: ${listed.join(', ')}.`,
    { hint: `Name one, for example \`memtool record ${identify(first).pid}\`.` },
  );
}

function asRecorded(target: Target, plan: RecordPlan, context: Context): RecordedProcess {
  const { pid, startTime } = target.kind === 'agent' ? target.agent : target.process;
  const agent = target.kind === 'agent' ? target.agent : undefined;
  return new RecordedProcess({ pid, startTime }, agent, {
    directory: context.directory,
    timeoutMs: context.timeoutMs,
    intervalMs: plan.intervalMs,
  });
}

async function identityOf(target: Target, context: Context): Promise<ProcessIdentity> {
  if (target.kind === 'bare') return bareIdentity(target);
  const { pid, name, nodeVersion, uptimeSeconds, sampledAt } = await askHealth(target.agent, context.timeoutMs);
  return { pid, name, nodeVersion, uptimeSeconds, sampledAt };
}

function progressOf(session: RecordSession, recording: Recording, plan: RecordPlan): [number | null, string] {
  const done = `${session.isWaiting ? 'it has ended, waiting for it; ' : ''}${session.samples} samples, ${formatBytes(recording.bytes)}`;
  if (plan.forMs === Infinity) return [null, `${formatSeconds(session.elapsedMs / 1000)}, ${done}; Ctrl-C ends`];
  return [session.elapsedMs / plan.forMs, `${formatSeconds(session.leftMs / 1000)} left, ${done}`];
}

function goneAtOnce({ pid, name }: ProcessIdentity): MemtoolError {
  return new MemtoolError('MEMTOOL_TARGET_GONE', `Process ${pid} (${name}) ended before anything was recorded.`, {
    hint: 'Run `memtool ps` to see what is running now.',
  });
}
