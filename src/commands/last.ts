import { MemtoolError } from '../errors.ts';
import { describeBox, listBox } from '../inspect/last/describe.ts';
import { Evidence } from '../inspect/last/evidence.ts';
import { findBoxes, isNamed, readCopiedBox, type AnyBox, type Box } from '../inspect/last/find.ts';
import { isFailure, SCHEMA_VERSION, type ProcessFailure } from '../report/document.ts';
import type { LastListing, LastReport, ProcessLast } from '../report/last.ts';
import { EXIT_FAILURE, EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { reported } from './failure.ts';
import { show } from './show.ts';

/**
 * `memtool last [target]`: what a process looked like when it died.
 *
 * The list is an inventory, as `ps` is, and exits with 0. Of one process the question is whether memory was to blame: 1 when it
 * was, or a limit was near; 0 when nothing says so.
 */
export function last(target: string | undefined, context: Context): Promise<number> {
  return show<LastReport>(
    {
      collect: () => collect(target, context),
      load: async () => (await import('../render/last.ts')).renderLast,
      exitCode: ({ processes }) => exitCode(processes, target),
    },
    context,
  );
}

async function collect(target: string | undefined, { directory }: Context): Promise<LastReport> {
  const nowMs = Date.now();
  const evidence = new Evidence(target !== undefined);
  if (target?.trim() === '') {
    throw new MemtoolError('MEMTOOL_USAGE', 'The target is empty.', {
      hint: 'Give a pid, a part of a name or a file; `memtool last` lists what there is.',
    });
  }
  // No name has a slash in it that is worth looking for.
  if (target?.includes('/') === true || target?.endsWith('.last') === true)
    return report([describeBox(readCopiedBox(target), evidence, nowMs)]);
  const boxes = await findBoxes(directory);
  if (target === undefined)
    return report(
      boxes
        .filter((box) => !('contents' in box) || !box.isAlive)
        .map((box) => ('contents' in box ? listBox(box, evidence, nowMs) : failure(box))),
    );
  const found = boxes.filter((box) => isNamed(box, target));
  // Who asks by name wants the one that died, though its successor runs already.
  const chosen = found.find((box) => !('contents' in box) || !box.isAlive) ?? found[0];
  if (!chosen) throw nothing(target, boxes);
  if (!('contents' in chosen)) throw chosen.error;
  return report([describeBox(chosen, evidence, nowMs)]);
}

function report(processes: LastReport['processes']): LastReport {
  return { schemaVersion: SCHEMA_VERSION, command: 'last', processes };
}

function failure({ pid, path, error }: Exclude<AnyBox, Box>): ProcessFailure {
  return { pid, name: path, error: reported(error) };
}

function nothing(target: string, boxes: readonly AnyBox[]): MemtoolError {
  const what = /^\d+$/.test(target) ? `of process ${target}` : `of a process with "${target}" in its name`;
  return new MemtoolError('MEMTOOL_NO_BLACK_BOX', `There is no black box ${what}.`, {
    hint:
      boxes.length === 0
        ? 'A process with an agent keeps one, and takes it away when it exits cleanly: start it with `memtool run` or --import memtool/agent.'
        : '`memtool last` lists what there is. One that exited cleanly, or was detached, has taken its own away.',
  });
}

function exitCode(processes: LastReport['processes'], target: string | undefined): number {
  if (processes.some((found) => isFailure(found))) return EXIT_FAILURE;
  if (target === undefined) return EXIT_NOTHING;
  return processes.some((found) => !isFailure(found) && isAlarming(found)) ? EXIT_FINDINGS : EXIT_NOTHING;
}

/** Of the limits that it had when it was last heard of. */
const NEAR_PERCENT = 80;

function isAlarming(found: LastListing | ProcessLast): boolean {
  if (found.ending.ofMemory) return true;
  if (!('pools' in found)) return false;
  return (
    isNear(found.heapUsedBytes, found.heapLimitBytes) ||
    isNear(found.containerUsedBytes, found.containerLimitBytes) ||
    found.pools.some(({ usedPercent }) => (usedPercent ?? 0) >= NEAR_PERCENT)
  );
}

function isNear(used: number | null, limit: number | null): boolean {
  return used !== null && limit !== null && limit > 0 && (used / limit) * 100 >= NEAR_PERCENT;
}
