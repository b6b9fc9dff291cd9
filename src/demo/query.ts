/** An arithmetic expression over constants: what a filter compares with. */
export type Expression =
  | { kind: 'number'; value: number }
  | { kind: 'arithmetic'; operator: '+' | '-' | '*' | '/'; left: Expression; right: Expression };

export interface Predicate {
  column: string;
  operator: '<' | '<=' | '=' | '>=' | '>';
  value: Expression;
}

export type Operation = 'count' | 'sum' | 'min' | 'max' | 'avg';

/** What a query puts out, or sorts by: a column as it is, or an aggregate of one (`count` needs none). */
export type Output = { kind: 'column'; name: string } | { kind: 'aggregate'; operation: Operation; name: string };

export interface Query {
  /** Also keep figures of how the query ran. */
  profile: boolean;
  /** Empty for `*`. */
  outputs: Output[];
  table: string;
  where: Predicate[];
  groupBy: string[];
  orderBy: { output: Output; descending: boolean } | undefined;
  limit: number | undefined;
}

/** A query that cannot be run as it is written. */
export class QueryError extends Error {
  override name = 'QueryError';
}

/** The heading of an output, and what makes two of them the same: `price`, `sum(price)`, `count(*)`. */
export function label(output: Output): string {
  return output.kind === 'column' ? output.name : `${output.operation}(${output.name})`;
}
