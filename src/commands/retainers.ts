import { MemtoolError } from '../errors.ts';
import { askLeaks, askStats } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { checkRoom, freeMemory, predictCost, type SnapshotCost } from '../inspect/snapshot-cost.ts';
import { receiveSnapshot, type SnapshotRequest } from '../inspect/snapshot/receive.ts';
import { findRetainers } from '../inspect/snapshot/retainers.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import type { Leak, LeaksReport, ProcessLeaks } from '../report/leaks.ts';
import type { RetainersReport } from '../report/retainers.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import { identify, needsAgent, nothingRunning } from './collect.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import { startProgress } from './progress.ts';

export interface RetainersQuestion {
  /** Part of the name of a function; empty for the largest leak. */
  place: string;
  ageSeconds: number;
  pauseSecondsMax: number;
  /** `--max-pause` was said. */
  isPauseSaid: boolean;
  isConfirmed: boolean;
}

/**
 * A leak of 1 MB a minute would make 80 KB in this time. But noting allocations slows a program down: one with 400,000 objects
 * that did nothing but turn its event loop made 1 to 5 % of its turns on Node 22 to 26, and 0.1 % on 20.
 */
const TRACK_SECONDS = 5;
/** The prediction is for a machine that has nothing else to do. */
const WAIT_PER_PAUSE = 10;
const WAIT_MS_MIN = 60_000;
/** Of the text of a snapshot, for each byte of the heap, at most. */
const TEXT_PER_HEAP = 2.2;

type AgentTarget = Extract<Target, { kind: 'agent' }>;

/** The report of `memtool leaks`, with what keeps one of its rows alive. */
export async function collectRetainers(
  target: string | undefined,
  question: RetainersQuestion,
  context: Context,
): Promise<LeaksReport> {
  const found = await onlyTarget(target, context);
  const { agent } = found;
  const leaks = await askLeaks(agent, context.timeoutMs, question.ageSeconds, question.pauseSecondsMax);
  const leak = chosenLeak(leaks, question.place);
  const { heapUsedBytes, heapLimitBytes } = await askStats(agent, context.timeoutMs);
  if (heapUsedBytes === null) {
    throw new MemtoolError(
      'MEMTOOL_UNAVAILABLE',
      `Process ${agent.pid} does not say how large its heap is. Nothing was done.`,
      {
        hint: 'Its main thread is inside a native call: try again when it is out of it.',
      },
    );
  }
  const cost = predictCost(heapUsedBytes);
  checkRoom(cost, {
    freeBytes: freeMemory(agent.pid),
    heapLimitBytes,
    pauseSecondsMax: question.isPauseSaid ? question.pauseSecondsMax : undefined,
  });
  if (!question.isConfirmed) await confirm(`${warning(agent.pid, cost)} Go on?`, '--retainers', context, '');
  const retainers = await lookFor(found, leak, cost, context);
  const process: ProcessLeaks = { ...leaks, retainers };
  return { schemaVersion: SCHEMA_VERSION, command: 'leaks', ageSeconds: question.ageSeconds, processes: [process] };
}

async function onlyTarget(target: string | undefined, context: Context): Promise<AgentTarget> {
  const targets = await open(target, context);
  const [first] = targets;
  if (!first) throw nothingRunning();
  if (targets.length > 1) {
    const listed = targets.map(identify).map(({ pid, name }) => `${pid} (${name})`);
    throw new MemtoolError(
      'MEMTOOL_SEVERAL_PROCESSES',
      `--retainers looks into one process, and there are ${targets.length}: ${listed.join(', ')}.`,
      { hint: `Name one, for example \`memtool leaks ${identify(first).pid} --retainers\`.` },
    );
  }
  if (first.kind === 'bare') throw needsAgent(first, 'only an agent can look into its heap');
  return first;
}

/** The largest of the leaks, or of the suspects; or of all places that have the name. */
function chosenLeak({ leaks, unavailable }: ProcessLeaks, place: string): Leak {
  const rows = leaks.filter(({ source, stack }) => source === 'heap' && stack.length > 0);
  const isCalled = (row: Leak): boolean => ownFrames(row).some((frame) => nameOf(frame).includes(place));
  const innermost = rows.filter((row) => placeOf(row).includes(place));
  const named = innermost.length > 0 ? innermost : rows.filter(isCalled);
  const chosen = ['leak', 'suspect']
    .concat(place === '' ? [] : ['undecided', 'cache'])
    .flatMap((verdict) => named.filter((row) => row.verdict === verdict).toSorted((a, b) => b.bytes - a.bytes))[0];
  if (chosen) return chosen;
  const wanted =
    place === ''
      ? 'No place on the heap is a leak or suspected'
      : `No place on the heap has "${place}" in the name of its function`;
  const reason = unavailable?.['heap'];
  const others = rows.slice(0, 3).map(placeOf);
  throw new MemtoolError(
    'MEMTOOL_NO_PLACE',
    `${wanted}${reason === undefined ? '' : `: ${reason}`}. Nothing was done.`,
    {
      hint:
        others.length > 0
          ? `There are: ${others.join(', ')}. Name one: --retainers ${others[0] ?? ''}`
          : 'See `memtool leaks` first, with a shorter --age.',
    },
  );
}

/** The innermost function of the application; without it, the innermost. */
function placeOf(leak: Leak): string {
  return nameOf(ownFrames(leak)[0] ?? leak.stack[0] ?? '');
}

function ownFrames({ stack }: Leak): string[] {
  return stack.filter((frame) => /\(.*:\d+:\d+\)$/s.test(frame) && !/ \(node:|[/\\]node_modules[/\\]/.test(frame));
}

function nameOf(frame: string): string {
  return frame.replace(/ \(.*\)$/s, '');
}

function warning(pid: number, { pauseSeconds, memoryBytes, ownBytes }: SnapshotCost): string {
  return `This slows ${pid} down a lot for ${TRACK_SECONDS} s, then stops it for about ${formatSeconds(pauseSeconds)} (longer on a busy machine), and takes up to ${formatBytes(memoryBytes)} of memory there for that time (and ${formatBytes(ownBytes)} here).`;
}

async function lookFor(
  { agent }: AgentTarget,
  leak: Leak,
  cost: SnapshotCost,
  context: Context,
): Promise<RetainersReport> {
  const stages = new Stages(cost, context);
  try {
    const { snapshot, ...told } = await receiveSnapshot(agent, {
      seconds: TRACK_SECONDS,
      timeoutMs:
        context.timeoutMs + TRACK_SECONDS * 1000 + Math.max(WAIT_MS_MIN, cost.pauseSeconds * 1000 * WAIT_PER_PAUSE),
      onStage: (stage) => stages.begin(stage),
      onBytes: (bytes) => stages.received(bytes),
    });
    return { place: placeOf(leak), ...told, ...findRetainers(snapshot, leak.stack) };
  } finally {
    stages.stop();
  }
}

/** One bar after the other. */
class Stages {
  readonly #cost: SnapshotCost;
  readonly #context: Context;
  #progress: ReturnType<typeof startProgress> | undefined;

  constructor(cost: SnapshotCost, context: Context) {
    this.#cost = cost;
    this.#context = context;
  }

  begin(stage: Parameters<SnapshotRequest['onStage']>[0]): void {
    this.stop();
    const [label, seconds] =
      stage === 'tracking'
        ? ['Noting what is allocated', TRACK_SECONDS]
        : ['The process stands still while V8 writes down its heap', this.#cost.pauseSeconds];
    this.#progress = startProgress(this.#context, label, seconds * 1000, { showAfterMs: 0 });
  }

  received(bytes: number): void {
    if (bytes === 0) return;
    const expectedBytes = this.#cost.heapUsedBytes * TEXT_PER_HEAP;
    this.#progress?.update(Math.min(0.99, 0.5 + bytes / expectedBytes / 2), `${formatBytes(bytes)} read`);
  }

  stop(): void {
    this.#progress?.stop();
    this.#progress = undefined;
  }
}
