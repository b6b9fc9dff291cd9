import type { BudgetFile } from '../budget/check/budget-file.ts';
import { judgeRow } from '../budget/check/judge-budgets.ts';
import type { MeasuredRun } from '../budget/check/measured.ts';
import { readBudgets } from '../budget/check/read-budgets.ts';
import { updatedBudgets } from '../budget/check/update-budgets.ts';
import { MemtoolError } from '../errors.ts';
import type { CheckReport, CheckStatus } from '../report/check.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { parseSeconds } from '../units.ts';
import { EXIT_FAILURE, EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { readInput } from './input-file.ts';
import { measuredRun } from './measured-run.ts';
import { OutputFile } from './output-file.ts';
import { startProgress } from './progress.ts';
import { show } from './show.ts';

export interface CheckFlags {
  runs?: string;
  for?: string;
  update?: boolean;
  markdown?: string;
}

const RUNS_DEFAULT = 3;
/** A baseline is kept: it is worth more runs. */
const RUNS_TO_UPDATE = 5;
const RUNS_MAX = 100;
/** Enough for any CI, and below what a timer can hold. */
const SECONDS_MAX = 24 * 3600;
/** For the bar only. */
const RUN_SECONDS_EXPECTED = 5;

/** `memtool check <budgets.json> [--runs 3] [--for 60s] [--update] [--markdown FILE] [-- node app.js]` */
export function check(file: string, program: string[], flags: CheckFlags, context: Context): Promise<number> {
  return show<CheckReport>(
    {
      collect: () => collect(file, program, flags, context),
      load: async () => (await import('../render/check.ts')).renderCheck,
      exitCode: ({ rows }) => Math.max(...rows.map(({ status }) => EXIT_CODES[status])),
      isWatched: true,
    },
    context,
  );
}

/** What could not be measured outweighs what was too much. */
const EXIT_CODES: Readonly<Record<CheckStatus, number>> = {
  ok: EXIT_NOTHING,
  'no-limit': EXIT_NOTHING,
  over: EXIT_FINDINGS,
  'above-baseline': EXIT_FINDINGS,
  missing: EXIT_FAILURE,
};

async function collect(file: string, typed: string[], flags: CheckFlags, context: Context): Promise<CheckReport> {
  const text = await readInput(file);
  const budgets = readBudgets(text, file);
  const program = programOf(typed, budgets);
  const runs = runsOf(flags, budgets);
  const endAfterMs = flags.for === undefined ? undefined : endAfter(flags.for);
  const markdown = flags.markdown === undefined ? undefined : new OutputFile(flags.markdown, true);
  await markdown?.check();
  const measured = await measureAll(budgets, { program, runs, endAfterMs }, context);
  const judge = ({ rows }: BudgetFile): CheckReport['rows'] =>
    rows.map((row) => judgeRow(row, measured.get(row.size) ?? []));
  let rows = judge(budgets);
  if (flags.update === true) {
    const updated = updatedBudgets(text, rows);
    await new OutputFile(file, true).write(Buffer.from(updated));
    rows = judge(readBudgets(updated, file));
  }
  const report: CheckReport = {
    schemaVersion: SCHEMA_VERSION,
    command: 'check',
    processes: [],
    file,
    program,
    runs,
    updated: flags.update === true,
    passed: rows.every(({ status }) => EXIT_CODES[status] === EXIT_NOTHING),
    rows,
  };
  if (markdown) {
    const { renderCheckMarkdown } = await import('../render/check-markdown.ts');
    await markdown.write(Buffer.from(renderCheckMarkdown(report)));
  }
  return report;
}

/** Each size once, `runs` times, one after the other: two at a time would disturb each other. */
async function measureAll(
  { rows }: BudgetFile,
  { program, runs, endAfterMs }: { program: string[]; runs: number; endAfterMs: number | undefined },
  context: Context,
): Promise<Map<string | undefined, MeasuredRun[]>> {
  const sizes = new Set(rows.map(({ size }) => size));
  const measured = new Map<string | undefined, MeasuredRun[]>();
  const total = sizes.size * runs;
  const expectedMs = total * (endAfterMs ?? RUN_SECONDS_EXPECTED * 1000);
  const progress = startProgress(context, 'Measuring', expectedMs);
  try {
    let done = 0;
    for (const size of sizes) {
      const found: MeasuredRun[] = [];
      measured.set(size, found);
      for (let run = 0; run < runs; run += 1) {
        progress.update(done / total, `run ${done + 1} of ${total}`);
        // oxlint-disable-next-line no-await-in-loop -- side by side they would measure each other
        found.push(await measuredRun({ program, size, endAfterMs }));
        done += 1;
      }
    }
    return measured;
  } finally {
    progress.stop();
  }
}

function programOf(typed: string[], { command, rows }: BudgetFile): string[] {
  const program = typed.length > 0 ? typed : command;
  if (program === undefined) {
    throw new MemtoolError('MEMTOOL_USAGE', 'There is no program to measure.', {
      hint: 'Give it after two dashes: `memtool check memory-budget.json -- node app.js`, or as `command` in the file.',
    });
  }
  if (program[0] !== 'node' || program.length < 2) {
    throw new MemtoolError('MEMTOOL_USAGE', `\`${program.join(' ')}\` does not begin with \`node\` and a script.`, {
      hint: 'Give the script itself and not what starts it: node app.js.',
    });
  }
  if (program.some((word) => word.includes('{size}')) && rows.some(({ size }) => size === undefined)) {
    throw new MemtoolError('MEMTOOL_USAGE', 'The program wants a {size}, which some budgets do not have.', {
      hint: 'Give every budget a size.',
    });
  }
  return program;
}

function runsOf({ runs, update }: CheckFlags, budgets: BudgetFile): number {
  const usual = budgets.runs ?? RUNS_DEFAULT;
  if (runs === undefined) return update === true ? Math.max(usual, RUNS_TO_UPDATE) : usual;
  const count = /^\d+$/.test(runs) ? Number(runs) : NaN;
  if (count >= 1 && count <= RUNS_MAX) return count;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--runs is ${runs}: it must be a number from 1 to ${RUNS_MAX}.`, {
    hint: 'For example: --runs 5',
  });
}

function endAfter(duration: string): number {
  const seconds = parseSeconds(duration, '--for');
  if (seconds > 0 && seconds <= SECONDS_MAX) return seconds * 1000;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--for is ${duration}: it must be more than 0 and at most 24h.`, {
    hint: 'For example: --for 60s',
  });
}
