import { readJson, type Field } from '../field.ts';
import { METRICS, PHASE_METRICS, type Baseline, type BudgetFile, type BudgetRow, type Metric } from './budget-file.ts';

const VERSION = 1;
const ROWS_MAX = 1000;
const WORDS_MAX = 1000;
const RUNS_MAX = 100;

/**
 * Reads budgets: `{ "memtoolBudget": 1, "command", "runs", "budgets" }`.
 *
 * @param file - For the messages only
 * @throws MemtoolError `MEMTOOL_BAD_BUDGET`, which names the place in the file
 */
export function readBudgets(text: string, file: string): BudgetFile {
  const field = readJson(text, { file, code: 'MEMTOOL_BAD_BUDGET' }).fields([
    'memtoolBudget',
    'command',
    'runs',
    'budgets',
  ]);
  const version = field('memtoolBudget');
  if (version.value !== VERSION) {
    throw version.wrong('which this memtool cannot read', `The file begins with "memtoolBudget": ${VERSION}.`);
  }
  const command = field('command').optional((one) => one.items(WORDS_MAX).map((word) => word.text()));
  if (command?.length === 0) throw field('command').wrong('which is empty', 'For example: ["node", "app.js"].');
  const rows = field('budgets').items(ROWS_MAX).map(readRow);
  if (rows.length === 0) throw field('budgets').wrong('which is empty', 'Give at least one budget.');
  return { command, runs: field('runs').optional(readRuns), rows };
}

function readRuns(field: Field): number {
  const runs = field.whole(1);
  if (runs <= RUNS_MAX) return runs;
  throw field.wrong('which is too often', `At most ${RUNS_MAX}.`);
}

function readRow(item: Field): BudgetRow {
  const field = item.fields(['name', 'phase', 'size', 'metric', 'pool', 'limit', 'baseline']);
  const phase = field('phase').optional((one) => one.text());
  const metric = readMetric(field('metric'), phase);
  const pool = field('pool').optional((one) => one.text());
  if (pool === undefined && metric === 'poolPeak') throw field('pool').wrong('', 'Name the pool whose peak is meant.');
  if (pool !== undefined && metric !== 'poolPeak' && metric !== 'notFreed') {
    throw field('pool').error(`${field('pool').path} is not for ${metric}.`, 'Pools have a poolPeak and a notFreed.');
  }
  return {
    name: field('name').optional((one) => one.text()),
    phase,
    size: field('size').optional(readSize),
    metric,
    pool,
    limitBytes: field('limit').optional((one) => one.bytes()),
    baseline: field('baseline').optional(readBaseline),
  };
}

function readSize(field: Field): string {
  return typeof field.value === 'number' ? String(field.whole()) : field.text();
}

function readMetric(field: Field, phase: string | undefined): Metric {
  const metric = METRICS.find((one) => one === field.value);
  if (metric === undefined) throw field.wrong('which is no metric', `Give one of ${METRICS.join(', ')}.`);
  if (phase === undefined || PHASE_METRICS.includes(metric)) return metric;
  throw field.wrong('which is of the whole program', `Of a phase there are ${PHASE_METRICS.join(', ')}.`);
}

function readBaseline(baseline: Field): Baseline {
  const field = baseline.fields(['median', 'mad', 'runs']);
  return { medianBytes: integer(field('median')), madBytes: field('mad').bytes(), runs: field('runs').whole(1) };
}

/** What is freed beyond what was taken is negative. */
function integer(field: Field): number {
  if (typeof field.value === 'number' && Number.isSafeInteger(field.value)) return field.value;
  throw field.wrong('which is no number of bytes', 'It is written by --update.');
}
