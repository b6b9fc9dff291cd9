import { label, QueryError, type Expression, type Output, type Predicate, type Query } from './query.ts';

const QUERY = new RegExp(
  [
    String.raw`^\s*(?<profile>profile\s+)?select\s+(?<outputs>.+?)\s+from\s+(?<table>\w+)`,
    String.raw`(?:\s+where\s+(?<where>.+?))?`,
    String.raw`(?:\s+group\s+by\s+(?<groupBy>.+?))?`,
    String.raw`(?:\s+order\s+by\s+(?<orderBy>.+?)(?:\s+(?<direction>asc|desc))?)?`,
    String.raw`(?:\s+limit\s+(?<limit>\d+))?\s*$`,
  ].join(''),
  'is',
);
const OUTPUT = /^(?:(?<operation>sum|min|max|avg|count)\s*\(\s*(?<argument>\w+|\*)\s*\)|(?<name>[a-z_]\w*))$/i;
const PREDICATE = /^(?<column>[a-z_]\w*)\s*(?<operator><=|>=|[<>=])\s*(?<value>.+)$/is;

/**
 * Reads a query such as
 * `SELECT region, sum(price) FROM orders WHERE day >= 365 - 30 GROUP BY region ORDER BY sum(price) DESC LIMIT 5`,
 * with `PROFILE` before it when asked for.
 *
 * @throws QueryError when it is none.
 */
export function parse(text: string): Query {
  const clauses = QUERY.exec(text)?.groups;
  if (!clauses) throw new QueryError(`This is no query: ${text}`);
  const { profile, outputs = '', table = '', where, groupBy, orderBy, direction, limit } = clauses;
  return {
    profile: profile !== undefined,
    outputs: outputs === '*' ? [] : list(outputs).map(toOutput),
    table,
    where: where?.split(/\s+and\s+/i).map(toPredicate) ?? [],
    groupBy: list(groupBy).map((name) => label(toOutput(name))),
    orderBy: orderBy ? { output: toOutput(orderBy), descending: direction?.toLowerCase() === 'desc' } : undefined,
    limit: limit === undefined ? undefined : Number(limit),
  };
}

function list(text: string | undefined): string[] {
  return text?.split(',').map((item) => item.trim()) ?? [];
}

function toOutput(text: string): Output {
  const { operation, argument = '', name } = OUTPUT.exec(text)?.groups ?? {};
  if (name) return { kind: 'column', name };
  const known = (['count', 'sum', 'min', 'max', 'avg'] as const).find((each) => each === operation?.toLowerCase());
  if (!known || (known === 'count') !== (argument === '*')) throw new QueryError(`${text} is no column or aggregate.`);
  return { kind: 'aggregate', operation: known, name: argument };
}

function toPredicate(text: string): Predicate {
  const { column, operator, value } = PREDICATE.exec(text.trim())?.groups ?? {};
  const known = (['<', '<=', '=', '>=', '>'] as const).find((each) => each === operator);
  if (!column || !value || !known) throw new QueryError(`${text} is no comparison of a column.`);
  return { column, operator: known, value: toExpression(value) };
}

/** Splits at the last operator that binds least, so that `9 - 3 - 2 * 2` is `(9 - 3) - (2 * 2)`. */
function toExpression(text: string): Expression {
  const split = /^(.*[\d\s])([+-])(.+)$/s.exec(text) ?? /^(.+)([*/])(.+)$/s.exec(text);
  const operator = (['+', '-', '*', '/'] as const).find((each) => each === split?.[2]);
  if (operator && split?.[1]?.trim() && split[3]) {
    return { kind: 'arithmetic', operator, left: toExpression(split[1]), right: toExpression(split[3]) };
  }
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isNaN(value)) throw new QueryError(`${text} is no number.`);
  return { kind: 'number', value };
}
