import type { Accumulator, Grouping, Plan, Range, Source } from './plan.ts';
import { label, QueryError, type Expression, type Output, type Predicate, type Query } from './query.ts';
import type { Column, Table } from './table.ts';

/**
 * Turns what was asked into what is done:
 * - constants are folded, and all filters of one column become one range;
 * - a range that every row passes is dropped, and one that no row can pass empties the plan;
 * - the most selective range comes first, so that the later ones look at few rows;
 * - only columns that matter are read: aggregates share what they have in common, an order that cannot show is dropped.
 *
 * @throws QueryError when the query does not fit the table.
 */
export function optimize(query: Query, table: Table): Plan {
  const ranges = toRanges(query.where, table);
  const grouping = toGrouping(query, table);
  const bind = (output: Output): Source =>
    grouping ? bindToGroups(output, table, grouping) : bindToTable(output, table);
  const outputs = selected(query, table).map((output) => ({ label: label(output), source: bind(output) }));
  const order = query.orderBy && { source: bind(query.orderBy.output), descending: query.orderBy.descending };
  return {
    table,
    empty: query.limit === 0 || ranges.some(({ selectivity }) => selectivity === 0),
    ranges: ranges.filter(passesNotAll).toSorted((a, b) => a.selectivity - b.selectivity),
    grouping,
    outputs,
    order: order && orderShows(query, ranges) ? order : undefined,
    limit: query.limit ?? Infinity,
  };
}

const ARITHMETIC = {
  '+': (left: number, right: number) => left + right,
  '-': (left: number, right: number) => left - right,
  '*': (left: number, right: number) => left * right,
  '/': (left: number, right: number) => left / right,
};

export function fold(expression: Expression): number {
  if (expression.kind === 'number') return expression.value;
  const left = fold(expression.left);
  const right = fold(expression.right);
  return ARITHMETIC[expression.operator](left, right);
}

function toRanges(predicates: Predicate[], table: Table): Range[] {
  const ranges = new Map<string, Range>();
  for (const { column: name, operator, value } of predicates) {
    const column = find(table, name);
    const range = ranges.get(name) ?? { column, low: -Infinity, high: Infinity, selectivity: 1 };
    const bound = fold(value);
    if (Number.isNaN(bound)) throw new QueryError(`${name} is compared with what is no number.`);
    // A strict bound is the closed bound at the next number: one kind of comparison is left for the evaluator.
    if (operator === '>') range.low = Math.max(range.low, neighbour(bound, 1));
    if (operator === '>=' || operator === '=') range.low = Math.max(range.low, bound);
    if (operator === '<') range.high = Math.min(range.high, neighbour(bound, -1));
    if (operator === '<=' || operator === '=') range.high = Math.min(range.high, bound);
    ranges.set(name, range);
  }
  for (const range of ranges.values()) range.selectivity = estimate(range);
  return [...ranges.values()];
}

/** As if values were spread evenly between the smallest and the largest. */
function estimate({ column, low, high }: Range): number {
  const from = Math.max(low, column.minimum);
  const to = Math.min(high, column.maximum);
  if (!(from <= to)) return 0;
  // Whole numbers of one value still fill a slot; the tiny share of a single real value must not be taken for none.
  const slot = column.values instanceof Int32Array ? 1 : Number.EPSILON;
  return Math.min(1, (to - from + slot) / (column.maximum - column.minimum + slot));
}

function passesNotAll({ column, low, high }: Range): boolean {
  return low > column.minimum || high < column.maximum;
}

function selected(query: Query, table: Table): Output[] {
  if (query.outputs.length > 0) return query.outputs;
  return table.columns.map(({ name }) => ({ kind: 'column', name }));
}

function toGrouping(query: Query, table: Table): Grouping | undefined {
  const aggregated = [...query.outputs, query.orderBy?.output].some((output) => output?.kind === 'aggregate');
  if (!aggregated && query.groupBy.length === 0) return undefined;
  const keys = query.groupBy.map((name) => find(table, name));
  const real = keys.find(({ values }) => !(values instanceof Int32Array));
  if (real) throw new QueryError(`Rows are grouped by whole numbers, and ${real.name} is none.`);
  const groupsMax = keys.reduce((product, { minimum, maximum }) => product * Math.max(1, maximum - minimum + 1), 1);
  // The keys of a group are combined into one number, which must be exact.
  if (!Number.isSafeInteger(groupsMax)) throw new QueryError('There are too many groups.');
  return { keys, accumulators: [], groupsMax };
}

function bindToTable(output: Output, table: Table): Source {
  return { kind: 'column', column: find(table, output.name) };
}

function bindToGroups(output: Output, table: Table, grouping: Grouping): Source {
  if (output.kind === 'column') {
    const index = grouping.keys.findIndex(({ name }) => name === output.name);
    if (index < 0) throw new QueryError(`${output.name} is neither grouped by nor aggregated.`);
    return { kind: 'key', index };
  }
  const { operation } = output;
  if (operation === 'count') return { kind: 'accumulator', index: share(grouping, 'count', undefined) };
  const column = find(table, output.name);
  if (operation !== 'avg') return { kind: 'accumulator', index: share(grouping, operation, column) };
  return { kind: 'average', sum: share(grouping, 'sum', column), count: share(grouping, 'count', undefined) };
}

/** The index of an accumulator, added if no output needed it so far. */
function share(grouping: Grouping, operation: Accumulator['operation'], column: Column | undefined): number {
  const { accumulators } = grouping;
  const found = accumulators.findIndex((each) => each.operation === operation && each.column === column);
  return found >= 0 ? found : accumulators.push({ operation, column }) - 1;
}

/** Not when there is one row only, nor when all rows have the same value. */
function orderShows({ groupBy, orderBy, outputs }: Query, ranges: Range[]): boolean {
  const single = groupBy.length === 0 && outputs.some(({ kind }) => kind === 'aggregate');
  const by = orderBy?.output;
  return (
    !single && !ranges.some(({ column, low, high }) => by?.kind === 'column' && by.name === column.name && low === high)
  );
}

function find(table: Table, name: string): Column {
  const column = table.find(name);
  if (!column) throw new QueryError(`${table.name} has no column ${name}.`);
  return column;
}

/** The next double above (direction 1) or below (-1). */
function neighbour(value: number, direction: 1 | -1): number {
  if (!Number.isFinite(value)) return value;
  if (value === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  // Doubles of one sign are ordered as their bits are.
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(value > 0 ? direction : -direction));
  return view.getFloat64(0);
}
