import type { Finding, NextStep } from '../report/doctor.ts';
import type { Examined } from './examined.ts';

type Told = Pick<Finding, 'kind' | 'severity' | 'certainty' | 'title'> & Partial<Finding>;

/** With what most findings do not have. */
export function finding(told: Told): Finding {
  return { evidence: {}, cause: null, next: [], secondsToLimit: null, savesBytes: null, ...told };
}

/** The steps of a list that apply. */
export function steps(...given: (NextStep | false)[]): NextStep[] {
  return given.filter((step) => step !== false);
}

/** Where several managers have pools of the same names, with whose it is. */
export function poolText({ stats }: Examined, manager: string | null, pool: string | null): string {
  const name = pool ?? 'unknown';
  return stats.managers.length > 1 && manager !== null ? `${manager} / ${name}` : name;
}

export function counted(amount: number, noun: string, plural: string = `${noun}s`): string {
  return `${amount} ${amount === 1 ? noun : plural}`;
}

/** Several sentences as one text; what is not known is left out. */
export function sentences(...parts: (string | false | null | undefined)[]): string | null {
  const text = parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
  return text === '' ? null : text;
}

/** A word of a command line as it can be typed. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A large figure for a small option of Node.js. */
export function wholeMib(bytes: number): number {
  return Math.max(1, Math.floor(bytes / 1024 ** 2));
}
