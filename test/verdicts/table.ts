import { functionName, isRight, type Judgement } from './judge.ts';

/** Programs, truths and verdicts as Markdown, as the README shows them, and how many are right. */
export function renderTable(judgements: readonly Judgement[]): string {
  const rows = judgements.map((judgement) => {
    const { truth, row } = judgement;
    return line(
      truth.file,
      truth.expected,
      row?.verdict ?? 'none',
      siteOf(judgement),
      row?.reason ?? '',
      worth(judgement),
    );
  });
  return [
    line('program', 'truth', 'verdict', 'site', 'reason', ''),
    line(...Array<string>(6).fill('---')),
    ...rows,
    '',
    count(judgements),
  ].join('\n');
}

function line(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The innermost function of the program; what is within is of V8 or of Node. */
function siteOf({ truth, row }: Judgement): string {
  const functions = (row?.stack ?? []).map(functionName);
  return functions.find((name) => truth.where.includes(name)) ?? functions[0] ?? (row ? '(no stack)' : '');
}

function worth(judgement: Judgement): string {
  const { isMissed, falseAlarms, falseSuspects } = judgement;
  const notes = [];
  if (isMissed) notes.push('missed');
  if (falseAlarms.length > 0) notes.push(`false alarm (${sites(falseAlarms)})`);
  if (isRight(judgement)) notes.push('right');
  if (falseSuspects.length > 0) notes.push(`suspected in vain (${sites(falseSuspects)})`);
  return notes.join(', ');
}

function sites(rows: Judgement['falseAlarms']): string {
  return [...new Set(rows.map(({ stack }) => functionName(stack[0] ?? 'unknown')))].join(', ');
}

function count(judgements: readonly Judgement[]): string {
  const missed = judgements.filter(({ isMissed }) => isMissed).length;
  const alarmed = judgements.filter(({ falseAlarms }) => falseAlarms.length > 0).length;
  const suspected = judgements.filter(({ falseSuspects }) => falseSuspects.length > 0).length;
  const right = judgements.filter(isRight).length;
  return `${right} of ${judgements.length} right, ${missed} missed, ${alarmed} with a false alarm, ${suspected} with a suspect that is none.`;
}
