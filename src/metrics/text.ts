/** Prometheus' text exposition format, version 0.0.4. */
import type { MetricFamily } from '../report/metrics.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function renderText(families: readonly MetricFamily[]): string {
  return families.map(renderFamily).join('');
}

function renderFamily({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`, 's');
const TYPE = new RegExp(`^# TYPE (${NAME}) (gauge|counter)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? ([-+0-9.e]+)$`, 's');
/** Sticky: what does not follow at once is no label. */
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/y;

/**
 * Reads what `renderText` has written. It comes from another process, so nothing is taken that is not what it should be.
 *
 * @returns `undefined` when a line is none of the format's, or a series is there twice
 */
export function parseText(text: string): MetricFamily[] | undefined {
  const families = new Map<string, MetricFamily>();
  const series = new Set<string>();
  const find = (name: string): MetricFamily => {
    const found = families.get(name) ?? { name, type: 'gauge', help: '', samples: [] };
    families.set(name, found);
    return found;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = HELP.exec(line);
    const type = TYPE.exec(line);
    const sample = SAMPLE.exec(line);
    if (help?.[1] !== undefined) find(help[1]).help = unescape(help[2] ?? '');
    else if (type?.[1] !== undefined) find(type[1]).type = type[2] === 'counter' ? 'counter' : 'gauge';
    else if (sample?.[1] !== undefined) {
      const labels = parseLabels(sample[2] ?? '');
      const value = Number(sample[3]);
      const key = line.slice(0, line.lastIndexOf(' '));
      if (labels === undefined || Number.isNaN(value) || series.has(key)) return undefined;
      series.add(key);
      find(sample[1]).samples.push({ labels, value });
    } else return undefined;
  }
  return [...families.values()];
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const match = LABEL.exec(text);
    if (match?.[1] === undefined || match[2] === undefined) return undefined;
    labels[match[1]] = unescape(match[2]);
  }
  return labels;
}

function unescape(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
