import { MemtoolError } from '../errors.ts';
import { open, type Target } from '../inspect/open.ts';
import { DEFAULT_AGE_SECONDS } from '../protocol.ts';
import { isFailure, SCHEMA_VERSION } from '../report/document.ts';
import { isSerious, SEVERITIES, type DoctorReport, type ProcessDiagnosis } from '../report/doctor.ts';
import { parseSeconds } from '../units.ts';
import { collectEach, nothingRunning } from './collect.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { examine, WATCH_MS, type Examination } from './examine.ts';
import { findEnded, type EndedProcesses } from './ended-processes.ts';
import { readMaxPause } from './max-pause.ts';
import { startProgress } from './progress.ts';
import { exitCodeOf, show } from './show.ts';

export interface DoctorFlags {
  age?: string;
  maxPause?: string;
}

/** What takes less than this needs no bar. */
const SHOW_AFTER_MS = 500;

/** `memtool doctor [target] [--age 300] [--max-pause 1s]` */
export function doctor(target: string | undefined, flags: DoctorFlags, context: Context): Promise<number> {
  const asked: Examination = {
    directory: context.directory,
    ageSeconds: flags.age === undefined ? DEFAULT_AGE_SECONDS : parseSeconds(flags.age, '--age'),
    pauseSecondsMax: readMaxPause(flags.maxPause),
    timeoutMs: context.timeoutMs,
  };
  return show<DoctorReport>(
    {
      isWatched: true,
      collect: () => collectShown(target, asked, context),
      load: async () => (await import('../doctor/judge.ts')).renderDoctor,
      exitCode: ({ processes }) => exitCodeOf(processes, processes.some(isIll) ? EXIT_FINDINGS : EXIT_NOTHING),
    },
    context,
  );
}

/** Off a terminal two seconds are worth no line, and a watch shows when it looked last. */
async function collectShown(target: string | undefined, asked: Examination, context: Context): Promise<DoctorReport> {
  if (context.watchSeconds !== undefined) return collect(target, asked, context);
  const expectedMs = WATCH_MS + asked.timeoutMs;
  const showAfterMs = context.errors.isTTY ? SHOW_AFTER_MS : expectedMs;
  const progress = startProgress(context, 'Looking at it', expectedMs, { showAfterMs });
  try {
    return await collect(target, asked, context);
  } finally {
    progress.stop();
  }
}

async function collect(target: string | undefined, asked: Examination, context: Context): Promise<DoctorReport> {
  const [{ diagnose, ended }, past] = await Promise.all([import('../doctor/judge.ts'), findEnded(context.directory)]);
  const targets = await openOrNone(target, context, past);
  if (targets.length === 0) {
    const boxes = past.named(target);
    if (boxes.length === 0) throw nothingRunning('doctor');
    const [newest] = boxes;
    return report(
      newest
        ? [
            {
              ...newest.identity,
              rssBytes: null,
              declined: null,
              examined: ['its black box'],
              findings: [ended(newest.listing)],
            },
          ]
        : [],
    );
  }
  const processes = await collectEach(targets, async (one) => diagnose(await examine(one, asked, past)));
  return report(processes.toSorted((a, b) => illness(a) - illness(b)));
}

function report(processes: DoctorReport['processes']): DoctorReport {
  return { schemaVersion: SCHEMA_VERSION, command: 'doctor', processes };
}

/** One that has ended is looked for among the black boxes. */
async function openOrNone(target: string | undefined, context: Context, past: EndedProcesses): Promise<Target[]> {
  try {
    return await open(target, context);
  } catch (error) {
    const isGone = error instanceof MemtoolError && error.code === 'MEMTOOL_NO_PROCESS';
    if (isGone && past.named(target).length > 0) return [];
    throw error;
  }
}

function isIll(found: DoctorReport['processes'][number]): boolean {
  return !isFailure(found) && found.findings.some(isSerious);
}

/** The worst first; what could not be asked is worse than what has only notes. */
function illness(found: DoctorReport['processes'][number]): number {
  if (isFailure(found)) return SEVERITIES.indexOf('warning');
  return worst(found);
}

function worst({ findings: [first] }: ProcessDiagnosis): number {
  return first === undefined ? SEVERITIES.length : SEVERITIES.indexOf(first.severity);
}
