import { judgePlan } from '../budget/plan/judge-plan.ts';
import type { Plan } from '../budget/plan/plan.ts';
import { readPlan } from '../budget/plan/read-plan.ts';
import { MemtoolError } from '../errors.ts';
import { containerLimitBytes } from '../inspect/container.ts';
import type { BudgetReport } from '../report/budget.ts';
import { parseBytes } from '../units.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { readInput } from './input-file.ts';
import { show } from './show.ts';

export interface BudgetFlags {
  container?: string;
  heap?: string;
}

/** `memtool budget <plan.json> [--container 2GiB|auto] [--heap 1GiB]` */
export function budget(file: string, flags: BudgetFlags, context: Context): Promise<number> {
  return show<BudgetReport>(
    {
      collect: async () => judgePlan(withLimits(readPlan(await readInput(file), file), flags), file),
      load: async () => (await import('../render/budget.ts')).renderBudget,
      exitCode: ({ isOver }) => (isOver ? EXIT_FINDINGS : EXIT_NOTHING),
    },
    context,
  );
}

function withLimits(plan: Plan, { container, heap }: BudgetFlags): Plan {
  return {
    ...plan,
    limits: {
      ...plan.limits,
      ...(container === undefined ? {} : { containerBytes: readContainer(container) }),
      ...(heap === undefined ? {} : { heapBytes: readLimit(heap, '--heap') }),
    },
  };
}

function readContainer(container: string): number {
  if (container !== 'auto') return readLimit(container, '--container');
  const limitBytes = containerLimitBytes(process.pid);
  if (limitBytes !== undefined) return limitBytes;
  throw new MemtoolError(
    'MEMTOOL_UNAVAILABLE',
    'memtool runs in no container with a limit that it could read, so --container auto has nothing to take.',
    { hint: 'Give the limit itself: --container 2GiB.' },
  );
}

function readLimit(value: string, option: string): number {
  const bytes = parseBytes(value, option);
  if (bytes > 0) return bytes;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${option} is ${value}, into which nothing fits.`, {
    hint: `For example: ${option} 1GiB`,
  });
}
