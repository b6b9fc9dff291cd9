import { isFailure } from '../report/document.ts';
import {
  isSerious,
  SEVERITIES,
  type DoctorReport,
  type Finding,
  type NextStep,
  type ProcessDiagnosis,
  type Severity,
} from '../report/doctor.ts';
import { blocks, failureLines, heading, unavailableLines } from './process.ts';
import { PLAIN_THEME, type Paint, type Style, type Theme } from './style.ts';
import { count, hanging, printable, textWidth } from './text.ts';

/** `critical` is the widest. */
const SEVERITY_WIDTH = 8;
const INDENT = '  ';

export function renderDoctor(report: DoctorReport, style: Style): string {
  const isAlone = report.processes.length === 1;
  const told = report.processes.map((found) =>
    isFailure(found)
      ? failureLines(found, style)
      : isAlone || isIll(found)
        ? processLines(found, style)
        : healthyLines(found, style),
  );
  // The healthy ones are last, and one line each: no blank ones between them.
  const healthyFrom = isAlone ? told.length : report.processes.findIndex((found) => !isFailure(found) && !isIll(found));
  const ill = healthyFrom < 0 ? told : told.slice(0, healthyFrom);
  const healthy = healthyFrom < 0 ? [] : told.slice(healthyFrom).flat();
  const all = ['All of one: `memtool doctor <pid>`'];
  return blocks([...ill, ...(healthy.length > 0 ? [healthy, all] : [])]);
}

function isIll({ findings }: ProcessDiagnosis): boolean {
  return findings.some(isSerious);
}

function healthyLines(found: ProcessDiagnosis, { theme, width }: Style): string[] {
  const { declined, findings } = found;
  const what = declined === null ? 'nothing to worry about' : 'no limit near, no leak certain';
  const notes = findings.length === 0 ? '' : `, ${count(findings.length, 'note')}`;
  const lead = heading(found, { theme: PLAIN_THEME, width });
  const fits = textWidth(`${lead}  ${what}${notes}`) <= width;
  const told = `${theme.good(what)}${notes}`;
  return fits
    ? [`${heading(found, { theme, width })}  ${told}`]
    : [heading(found, { theme, width }), `${INDENT}${told}`];
}

function processLines(found: ProcessDiagnosis, style: Style): string[] {
  const { findings, declined } = found;
  const unavailable = notLookedAt(found, style);
  return [
    `${heading(found, style)}  ${summary(findings, style.theme)}`,
    ...(declined === null ? [] : ['', ...hanging(INDENT, printable(declined), style.width)]),
    ...findings.flatMap((one, index) => ['', ...findingLines(one, index + 1, style)]),
    ...(findings.some(isSerious) ? [] : ['', ...nothing(found, style)]),
    ...(unavailable.length > 0 ? ['', ...unavailable] : []),
  ];
}

function summary(findings: readonly Finding[], theme: Theme): string {
  const parts = SEVERITIES.map((severity) => ({
    severity,
    amount: findings.filter((one) => one.severity === severity).length,
  })).filter(({ amount }) => amount > 0);
  if (parts.length === 0) return theme.good('nothing found');
  return parts
    .map(({ severity, amount }) =>
      paintOf(theme, severity)(severity === 'critical' ? `${amount} critical` : count(amount, severity)),
    )
    .join(', ');
}

function findingLines(found: Finding, number: number, style: Style): string[] {
  const { severity, certainty, title, cause, next } = found;
  const { theme } = style;
  const lead = `${String(number).padStart(2)} ${severity.padEnd(SEVERITY_WIDTH)}  `;
  const under = ' '.repeat(lead.length);
  const [first = '', ...rest] = hanging(lead, printable(title), style.width);
  return [
    first.replace(severity, paintOf(theme, severity)(severity)),
    ...rest,
    ...hanging(under, printable([`${certaintyText(certainty)}.`, cause ?? ''].join(' ').trim()), style.width).map(
      (line) => theme.faint(line),
    ),
    ...next.flatMap((step) => hanging(`${under}> `, stepText(step), style.width)),
  ];
}

function certaintyText(certainty: Finding['certainty']): string {
  return { certain: 'Certain', likely: 'Likely', possible: 'Possible' }[certainty];
}

/** The command is kept whole, so that it can be copied. */
function stepText({ command, why }: NextStep): string {
  return printable(command === null ? why : `\`${command}\` ${why}`);
}

function nothing({ findings, examined, declined }: ProcessDiagnosis, style: Style): string[] {
  const otherwise = findings.length > 0 ? 'Nothing else was found.' : 'Nothing to worry about was found.';
  const what = declined === null ? otherwise : 'No limit is near, and nothing leaks for certain.';
  const where = examined.length === 0 ? '' : ` Looked at: ${examined.join('; ')}.`;
  return hanging(INDENT, printable(`${what}${where}`), style.width);
}

function notLookedAt({ unavailable }: ProcessDiagnosis, style: Style): string[] {
  return unavailableLines(unavailable, { ...style, theme: { ...style.theme, warning: style.theme.faint } });
}

function paintOf(theme: Theme, severity: Severity): Paint {
  return { critical: theme.critical, warning: theme.warning, note: theme.faint }[severity];
}
