import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../protocol.ts';
import { RecordingFile } from '../recording/open.ts';
import type { ProcessIdentity } from '../report/document.ts';
import type { ProcessRecording } from '../report/recording.ts';
import { beginRecording } from './begun-recording.ts';
import { createStyle, type Context } from './context.ts';
import { errorReport, reported } from './failure.ts';
import { startProgram, type StartedProgram } from './program.ts';
import { Endings } from './record-endings.ts';
import type { RecordPlan } from './record-flags.ts';
import { readProgramLine } from './record-program.ts';
import { summaryOf, writeSummary } from './record-report.ts';
import { RecordedProcess } from './recorded-process.ts';

/** A program that was just started has an agent 60 to 150 ms later; its first samples are to have what that knows. */
const AGENT_WAIT_MS_MAX = 1000;
const AGENT_POLL_MS = 20;

/**
 * Starts a program, records it until it ends, and ends as it did.
 *
 * @param words - What was typed after two dashes.
 */
export async function recordProgram(words: string[], plan: RecordPlan, context: Context): Promise<number> {
  const { executable, commandLine, name } = readProgramLine(words);
  // Before it is started: whoever cannot record it does not want it to run.
  const file = await RecordingFile.open(plan.fileOf(name), plan.format, name);
  const program = startProgram(commandLine, executable);
  try {
    if (program.pid === undefined) return await program.exited;
    const identity: ProcessIdentity = {
      pid: program.pid,
      name,
      nodeVersion: executable === process.execPath ? process.version : null,
      uptimeSeconds: 0,
      sampledAt: new Date().toISOString(),
    };
    try {
      const summary = await recordStarted(program, identity, { plan, file, context });
      // What the program says is on stdout; with --json, ours is its last line.
      await writeSummary(summary, context.json ? context.output : context.errors, context);
    } catch (error) {
      await program.exited;
      await writeFailure(error, context);
    }
    return await program.exited;
  } finally {
    file.close();
  }
}

/** Whatever becomes of the recording, the program goes on to its own end. */
async function recordStarted(
  program: StartedProgram,
  identity: ProcessIdentity,
  { plan, file, context }: { plan: RecordPlan; file: RecordingFile; context: Context },
): Promise<ProcessRecording> {
  const endings = new Endings();
  const exited = program.exited.finally(() => endings.end());
  const life = { pid: identity.pid, startTime: processStartTime(identity.pid) ?? '0' };
  const first = new RecordedProcess(life, undefined, {
    directory: context.directory,
    timeoutMs: context.timeoutMs,
    intervalMs: plan.intervalMs,
  });
  const begun = beginRecording({ identity, plan, file, first, signal: endings.signal });
  const { opened, clock, session } = begun;
  await awaitAgent(first, Math.min(plan.intervalMs, AGENT_WAIT_MS_MAX), endings.signal);
  let error: unknown;
  const end = await session.run().catch((thrown: unknown) => {
    error = thrown;
    return 'interrupted' as const;
  });
  const exitCode = await exited;
  try {
    if (end === 'interrupted' && error === undefined) opened.recording.event({ event: 'gone', t: clock.now() });
  } catch (thrown) {
    error = thrown;
  }
  const summary = summaryOf(begun, end === 'duration' ? end : 'exited');
  return { ...summary, exitCode, ...(error === undefined ? {} : { error: reported(error) }) };
}

async function awaitAgent(first: RecordedProcess, waitMs: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + waitMs;
  while (!signal.aborted && performance.now() < until && !(await first.findAgent())) {
    await sleep(AGENT_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Told, and no more: the exit code is the program's. */
async function writeFailure(error: unknown, context: Context): Promise<void> {
  if (context.json) {
    context.output.write(`${JSON.stringify(errorReport(context.command, error))}\n`);
    return;
  }
  const { renderError } = await import('../render/error.ts');
  context.errors.write(`${renderError(reported(error), await createStyle(context.color, context.errors))}\n`);
}
