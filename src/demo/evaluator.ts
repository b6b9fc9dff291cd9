import { aggregate, type Groups } from './aggregator.ts';
import type { Plan, Range, Source } from './plan.ts';
import { ResultPage } from './result-page.ts';
import { sortPositions, topPositions } from './sorter.ts';
import type { ColumnValues } from './table.ts';
import type { WorkingPool } from './working-memory.ts';
import type { Workspace } from './workspace.ts';

/** Up to this many rows a heap of the best beats sorting all. */
const TOP_ROWS_MAX = 1024;

const NOTHING: Float64Array = new Float64Array(0);

/** Values, and which of them in which order: all as they are, when there are no positions. */
interface Vector {
  values: ColumnValues;
  positions: Int32Array | undefined;
}

/**
 * Runs a plan: select rows, group them, order them, and write the result page. All memory is the workspace's, so the page
 * is good until that ends; sorts also use `temp`.
 *
 * @throws MemoryLimitError when a pool refuses.
 */
export function evaluate(plan: Plan, workspace: Workspace, temp: WorkingPool): ResultPage {
  const selection = select(plan, workspace);
  const groups = plan.grouping && aggregate(plan.grouping, selection, workspace);
  const vector = (source: Source): Vector => toVector(source, selection, groups, workspace);
  const available = groups?.count ?? selection.length;
  const rowCount = Math.min(available, plan.limit);
  const order = plan.order && toOrder(plan.order, vector(plan.order.source), available, rowCount, workspace, temp);
  const labels = plan.outputs.map(({ label }) => label);
  // One request for the whole page: when it is too much, it is refused before a single row has been written.
  const page = new ResultPage(labels, rowCount, workspace.bytes(labels.length * rowCount * 8, 'result-page'));
  plan.outputs.forEach(({ source }, index) => gather(vector(source), order, page.column(index), 1));
  return page;
}

/** The numbers of the rows that pass all ranges, ascending. */
export function select({ table, ranges, empty }: Plan, workspace: Workspace): Int32Array {
  if (empty) return new Int32Array(0);
  const selection = workspace.integers(table.rowCount, 'selection');
  const [first, ...rest] = ranges;
  let count = first ? scan(first, selection) : everything(selection);
  for (const range of rest) count = narrow(range, selection, count);
  return selection.subarray(0, count);
}

function everything(selection: Int32Array): number {
  for (let row = 0; row < selection.length; row += 1) selection[row] = row;
  return selection.length;
}

/**
 * Writes every row, and moves on from those that pass: `&` of numbers compiles to no branch, where `&&` would take three
 * times as long for a range in the middle of the values, which no branch predictor can foresee.
 */
function scan({ column: { values }, low, high }: Range, selection: Int32Array): number {
  let count = 0;
  for (let row = 0; row < selection.length; row += 1) {
    const value = values[row] ?? NaN;
    selection[count] = row;
    count += Number(value >= low) & Number(value <= high);
  }
  return count;
}

function narrow({ column: { values }, low, high }: Range, selection: Int32Array, selected: number): number {
  let count = 0;
  for (let index = 0; index < selected; index += 1) {
    const row = selection[index] ?? 0;
    const value = values[row] ?? NaN;
    selection[count] = row;
    count += Number(value >= low) & Number(value <= high);
  }
  return count;
}

function toOrder(
  { descending }: { descending: boolean },
  vector: Vector,
  available: number,
  rowCount: number,
  workspace: Workspace,
  temp: WorkingPool,
): Int32Array {
  const keys = workspace.floats(available, 'sort-keys');
  // Negated keys in ascending order are the keys in descending order, and ties keep the order of their rows.
  gather(vector, undefined, keys, descending ? -1 : 1);
  if (rowCount < available && rowCount <= TOP_ROWS_MAX) return topPositions(keys, rowCount, workspace);
  return sortPositions(keys, workspace, temp);
}

function toVector(source: Source, selection: Int32Array, groups: Groups | undefined, workspace: Workspace): Vector {
  const figure = (index: number): Float64Array => groups?.accumulators[index] ?? NOTHING;
  if (source.kind === 'column') return { values: source.column.values, positions: selection };
  if (source.kind === 'key') return { values: groups?.keys[source.index] ?? NOTHING, positions: undefined };
  if (source.kind === 'accumulator') return { values: figure(source.index), positions: undefined };
  return { values: divide(figure(source.sum), figure(source.count), workspace), positions: undefined };
}

function divide(sums: Float64Array, counts: Float64Array, workspace: Workspace): Float64Array {
  const averages = workspace.floats(sums.length, 'group-totals');
  for (let group = 0; group < sums.length; group += 1) averages[group] = (sums[group] ?? 0) / (counts[group] ?? 0);
  return averages;
}

/** Writes as many values as `out` holds, in the order given. */
function gather(
  { values, positions: chosen }: Vector,
  order: Int32Array | undefined,
  out: Float64Array,
  sign: 1 | -1,
): void {
  for (let index = 0; index < out.length; index += 1) {
    const ordered = order ? (order[index] ?? 0) : index;
    const position = chosen ? (chosen[ordered] ?? 0) : ordered;
    out[index] = sign * (values[position] ?? NaN);
  }
}
