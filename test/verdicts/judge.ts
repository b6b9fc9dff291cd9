import { VERDICTS, type Leak } from '../../src/report/leaks.ts';
import type { Truth } from './truth.ts';

/** What the answers about one program are worth. */
export interface Judgement {
  truth: Truth;
  /** What the last answer says of the program: of what it leaks, else what is said to leak, else what it holds. */
  row: Leak | undefined;
  /** There is a leak, and the last answer has no row of verdict `leak` whose stack names it. */
  isMissed: boolean;
  /** Rows of verdict `leak`, in any answer, of what does not leak. */
  falseAlarms: Leak[];
  /** The same of verdict `suspect`: not wrong, but somebody looks in vain. */
  falseSuspects: Leak[];
}

/** `answers` are the rows of each answer, the earliest first. */
export function judge(truth: Truth, answers: readonly Leak[][]): Judgement {
  const last = answers.at(-1) ?? [];
  const named = last.filter((row) => names(row, truth));
  const isLeak = truth.expected === 'leak';
  const alarming = last.filter(({ verdict }) => verdict === 'leak' || verdict === 'suspect');
  const wrong = answers.flat().filter((row) => !isLeak || !names(row, truth));
  return {
    truth,
    row: isLeak ? (tellingMost(named) ?? tellingMost(last)) : (tellingMost(alarming) ?? tellingMost(named)),
    isMissed: isLeak && !named.some(({ verdict }) => verdict === 'leak'),
    falseAlarms: wrong.filter(({ verdict }) => verdict === 'leak'),
    falseSuspects: wrong.filter(({ verdict }) => verdict === 'suspect'),
  };
}

export function isRight({ isMissed, falseAlarms }: Judgement): boolean {
  return !isMissed && falseAlarms.length === 0;
}

function names({ stack }: Leak, { where }: Truth): boolean {
  return stack.some((frame) => where.includes(functionName(frame)));
}

/** Of `fn (file:line:col)`, without the class or the `async` that may precede it. */
export function functionName(frame: string): string {
  return /([^\s.]+) \(/.exec(frame)?.[1] ?? frame;
}

function tellingMost(rows: readonly Leak[]): Leak | undefined {
  return rows.toSorted((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || b.bytes - a.bytes)[0];
}
