import { fold } from '../../src/demo/optimizer.ts';
import { parse } from '../../src/demo/parser.ts';
import { label, type Output, type Predicate } from '../../src/demo/query.ts';
import { column, Table } from '../../src/demo/table.ts';

type Row = Record<string, number>;

/** A small table of few distinct values, so that filters, groups and ties happen. */
export function smallTable(rows: { a: number; b: number; x: number }[]): Table {
  return new Table('t', [
    column(
      'a',
      Int32Array.from(rows, ({ a }) => a),
    ),
    column(
      'b',
      Int32Array.from(rows, ({ b }) => b),
    ),
    column(
      'x',
      Float64Array.from(rows, ({ x }) => x),
    ),
  ]);
}

/** What a query should give, row by row in plain JavaScript: no plan, no memory, nothing shared with the engine but the parser. */
export function answer(text: string, table: Table): number[][] {
  const query = parse(text);
  const rows: Row[] = Array.from({ length: table.rowCount }, (_, row) =>
    Object.fromEntries(table.columns.map(({ name, values }) => [name, values[row] ?? NaN])),
  ).filter((row) => query.where.every((predicate) => passes(predicate, row)));
  const outputs: Output[] =
    query.outputs.length > 0 ? query.outputs : table.columns.map(({ name }) => ({ kind: 'column', name }));
  const wanted = query.orderBy ? [...outputs, query.orderBy.output] : outputs;
  const isAggregated = query.groupBy.length > 0 || wanted.some(({ kind }) => kind === 'aggregate');
  const results = isAggregated
    ? groups(rows, query.groupBy).map((group) =>
        Object.fromEntries(wanted.map((each) => [label(each), figure(each, group)])),
      )
    : rows;
  if (query.orderBy) {
    const by = label(query.orderBy.output);
    const sign = query.orderBy.descending ? -1 : 1;
    results.sort((left, right) => sign * ((left[by] ?? NaN) - (right[by] ?? NaN)) || 0);
  }
  return results.slice(0, query.limit ?? Infinity).map((row) => outputs.map((each) => row[label(each)] ?? NaN));
}

function passes({ column: name, operator, value }: Predicate, row: Row): boolean {
  const left = row[name] ?? NaN;
  const right = fold(value);
  const comparisons = {
    '<': left < right,
    '<=': left <= right,
    '=': left === right,
    '>=': left >= right,
    '>': left > right,
  };
  return comparisons[operator];
}

function groups(rows: Row[], keys: string[]): Row[][] {
  if (keys.length === 0) return [rows];
  const byKey = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keys.map((name) => row[name]).join();
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  return [...byKey.values()];
}

function figure(output: Output, group: Row[]): number {
  const values = group.map((row) => row[output.name] ?? NaN);
  if (output.kind === 'column') return values[0] ?? NaN;
  const sum = values.reduce((total, value) => total + value, 0);
  const figures = {
    count: group.length,
    sum,
    min: Math.min(...values),
    max: Math.max(...values),
    avg: sum / group.length,
  };
  return figures[output.operation];
}
