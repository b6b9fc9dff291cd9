import type { AlertsReport } from '../report/alerts.ts';

/** A rule file, as Prometheus reads it. A text of JSON is one of YAML. */
export function renderAlerts({ groups }: AlertsReport): string {
  const lines = groups.flatMap(({ name, rules }) => [
    `  - name: ${name}`,
    '    rules:',
    ...rules.flatMap(({ alert, expr, for: held, labels, annotations }) => [
      `      - alert: ${alert}`,
      `        expr: ${quoted(expr)}`,
      `        for: ${held}`,
      '        labels:',
      ...mapping(labels),
      '        annotations:',
      ...mapping(annotations),
    ]),
  ]);
  return [
    '# Alert rules for the metrics of memtool; `promtool check rules` reads them. Printed by `memtool alerts`.',
    'groups:',
    ...lines,
  ].join('\n');
}

function mapping(entries: Readonly<Record<string, string>>): string[] {
  return Object.entries(entries).map(([key, text]) => `          ${key}: ${quoted(text)}`);
}

/** Single quotes are easier to read where double ones are in the text, and PromQL is full of them. */
function quoted(text: string): string {
  return text.includes('"') && !/['\n]/.test(text) ? `'${text}'` : JSON.stringify(text);
}
