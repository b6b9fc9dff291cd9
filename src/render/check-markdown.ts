import type { CheckReport } from '../report/check.ts';
import { metricOf, notes, operationOf, statusText, toBaseline } from './check.ts';
import { bytesOrNone, NONE, printable } from './text.ts';

/** For a pull request: a table that is read without a click. */
export function renderCheckMarkdown(report: CheckReport): string {
  const rows = report.rows.map((row) => [
    operationOf(row),
    row.size ?? NONE,
    metricOf(row),
    bytesOrNone(row.limitBytes),
    bytesOrNone(row.measuredBytes),
    toBaseline(row),
    statusText(row.status),
  ]);
  return [
    `### Memory budgets: ${report.passed ? 'passed' : 'failed'}`,
    '',
    '| operation | size | metric | budget | measured | to baseline | status |',
    '| --- | --- | --- | ---: | ---: | ---: | --- |',
    ...rows.map((cells) => `| ${cells.map(escaped).join(' | ')} |`),
    '',
    ...notes(report).map(escaped),
    '',
  ].join('\n');
}

/** Names come from a file and a program: they must not become a link, an image or another column. */
function escaped(text: string): string {
  return printable(text).replace(/[\\`*_{}[\]<>()#|~!&]/g, '\\$&');
}
